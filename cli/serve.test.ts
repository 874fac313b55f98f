import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { configSchema } from '../core/config/schema.ts';
import { stopTimeoutMs } from '../gateway/drain.ts';
import { serveUntilSignal } from './serve.ts';

const listeners = new Map<string | symbol, () => void>();
const exit = vi.fn();

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(process, 'on').mockImplementation((signal, listener) => {
    listeners.set(signal, listener as () => void);
    return process;
  });
  vi.spyOn(process, 'exit').mockImplementation(exit as never);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  exit.mockReset();
  listeners.clear();
});

const never = (): Promise<void> => new Promise(() => {});
const signalled = async (signal: string): Promise<void> => {
  listeners.get(signal)?.();
  await vi.advanceTimersByTimeAsync(0);
};

test('a drain of minutes is not cut off before its configured end', async () => {
  const { gateway } = configSchema.parse({ gateway: { drainDelayMs: 30_000, drainWindowMs: 300_000 } });
  void serveUntilSignal(Promise.resolve({ stop: never }), stopTimeoutMs(gateway));
  await vi.advanceTimersByTimeAsync(0);
  await signalled('SIGTERM');
  await vi.advanceTimersByTimeAsync(330_000);
  expect(exit).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(120_000);
  expect(exit).toHaveBeenCalledExactlyOnceWith(1);
});

test('a second signal ends the process at once', async () => {
  void serveUntilSignal(Promise.resolve({ stop: never }), 60_000);
  await vi.advanceTimersByTimeAsync(0);
  await signalled('SIGTERM');
  expect(exit).not.toHaveBeenCalled();
  await signalled('SIGINT');
  expect(exit).toHaveBeenCalledExactlyOnceWith(1);
});
