/** What the contract's tests write with and read by. */
import { vi } from 'vitest';
import type { RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import type { AppendRecord, EventLog, LogRecord, Tail, TailOptions, TailProgress } from '../../core/ports/event-log.ts';

export const p = (number: number) => number as Partition;
export const at = (number: number) => number as Offset;
export const record = (value: string, key: string | null = 'key'): AppendRecord => ({
  key: key === null ? null : Buffer.from(key),
  value: Buffer.from(value),
});
export const texts = (records: readonly LogRecord[] = []) => records.map((r) => r.value?.toString() ?? null);
export const eventually = (check: () => void, timeoutMs = 15_000) =>
  vi.waitFor(check, { timeout: timeoutMs, interval: 10 });

/** What a tail handed over. */
export interface Collected {
  readonly tail: Tail;
  readonly records: Map<Partition, LogRecord[]>;
  readonly progress: Map<Partition, TailProgress>;
  readonly errors: Array<{ partition: Partition; error: RoomlogError }>;
  calls: number;
}

export function collect(log: EventLog, topic: string, options: Partial<TailOptions> = {}): Collected {
  const collected: Collected = {
    records: new Map(),
    progress: new Map(),
    errors: [],
    calls: 0,
    tail: log.tail({
      topic,
      onRecords(partition, records, progress) {
        collected.calls++;
        const list = collected.records.get(partition) ?? [];
        list.push(...records);
        collected.records.set(partition, list);
        collected.progress.set(partition, progress);
      },
      onError: (partition, error) => void collected.errors.push({ partition, error }),
      ...options,
    }),
  };
  return collected;
}

/** Throws unless it was appended; returns where. */
export async function appendAll(
  log: EventLog,
  topic: string,
  partition: Partition,
  values: readonly string[],
): Promise<Offset> {
  const [outcome] = await log.append(topic, [{ partition, records: values.map((v) => record(v)) }]);
  if (outcome?.status !== 'appended') throw new Error(`not appended: ${JSON.stringify(outcome)}`);
  return outcome.baseOffset;
}

export async function readAll(log: EventLog, topic: string, partition: Partition, from: number, to: number) {
  const result: LogRecord[] = [];
  for await (const chunk of log.readRange({ topic, partition, from: at(from), to: at(to) })) result.push(...chunk);
  return result;
}
