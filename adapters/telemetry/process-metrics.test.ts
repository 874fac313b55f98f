import { expect, it } from 'vitest';
import { createMetrics } from './metrics.ts';
import { observeProcess } from './process-metrics.ts';

it('a process tells its memory and the delay of its event loop', async () => {
  const metrics = createMetrics();
  const stop = observeProcess(metrics);
  const text = await metrics.render();
  expect(text).toMatch(/^process_resident_memory_bytes \d{7,}$/m);
  expect(text).toMatch(/^roomlog_event_loop_delay_ms\{quantile="0.99"\} [\d.]+$/m);
  expect(text).toMatch(/^process_cpu_seconds 0?[\d.]+$/m);
  stop();
  await metrics.shutdown();
});
