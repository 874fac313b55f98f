/** What every process of Roomlog tells about itself: memory and the event loop's delay, whose growth comes before trouble. */
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { Metrics } from './metrics.ts';

const RESOLUTION_MS = 10;
const NS_PER_MS = 1e6;

/** Registers the gauges. The returned function ends the sampling. */
export function observeProcess(metrics: Metrics): () => void {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  const startedAt = performance.timeOrigin / 1_000;
  metrics.gauge('process_resident_memory_bytes', 'Resident memory.', () => process.memoryUsage.rss());
  metrics.gauge('process_heap_used_bytes', 'JavaScript heap in use.', () => process.memoryUsage().heapUsed);
  metrics.gauge('process_cpu_seconds', 'CPU time used since the start, user and system.', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  metrics.gauge(
    'process_start_time_seconds',
    'When the process started, seconds since the Unix epoch.',
    () => startedAt,
  );
  metrics.gauge(
    'roomlog_event_loop_delay_ms',
    'Delay of the event loop beyond the sampling step, since the last reading.',
    () => {
      // The histogram counts the sampling step itself; before the first sample its figures are no numbers.
      const beyond = (ns: number): number => Math.max(0, (Number.isFinite(ns) ? ns : 0) / NS_PER_MS - RESOLUTION_MS);
      const values = [
        [beyond(delay.percentile(50)), { quantile: '0.5' }],
        [beyond(delay.percentile(99)), { quantile: '0.99' }],
        [beyond(delay.max), { quantile: '1' }],
      ] as const;
      delay.reset();
      return values;
    },
  );
  return () => delay.disable();
}
