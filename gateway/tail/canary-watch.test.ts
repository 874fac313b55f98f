import { expect, test } from 'vitest';
import { createMetrics } from '../../adapters/telemetry/metrics.ts';
import { Alarms } from '../../core/alarms.ts';
import { canaryEvent } from '../../core/canary.ts';
import type { Partition, RoomId } from '../../core/ids.ts';
import type { Answer, Claim } from '../../core/log/record.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { CanaryWatch } from './canary-watch.ts';

const p0 = 0 as Partition;
const p1 = 1 as Partition;
const INTERVAL_MS = 1_000;

function world(options: { readonly failingAfterMs?: number } = { failingAfterMs: 0 }) {
  let now = 0;
  const clock = { now: () => 1_800_000_000_000 + now, monotonic: () => now };
  const metrics = createMetrics();
  const alarms = new Alarms({ logger: silentLog, clock });
  const deaf = new Set<Partition>();
  const hears = (partition: Partition) => !deaf.has(partition);
  const watch = new CanaryWatch({ partitions: 2, clock, metrics, alarms, hears, ...options });
  /** Time goes by in looks, as the timer has it. */
  const pass = (ms: number) => {
    for (const until = now + ms; now < until; now += 500) watch.look();
    watch.look();
  };
  const canary = (partition: Partition, delayMs = 7, intervalMs = INTERVAL_MS) => {
    const event = canaryEvent(`@canary/${partition}` as RoomId, { sentAtMs: clock.now() - delayMs, intervalMs });
    const answer: Answer = { ...event, code: 'session_unknown', seq: null, offset: null, expected: null, reason: null };
    return watch.onAnswer(partition, answer);
  };
  const stand = (ms: number) => {
    now += ms;
    watch.look();
  };
  return { watch, alarms, metrics, deaf, pass, canary, stand };
}

const claim = (canaryIntervalMs?: number): Claim => ({
  nonce: new Uint8Array(16),
  streamId: 's',
  foldVersion: 1,
  partitions: 2,
  ...(canaryIntervalMs === undefined ? {} : { canaryIntervalMs }),
});

test('a partition is failing three intervals after its last sign of life, and not any more with the next', () => {
  const { watch, alarms, pass, canary } = world();
  watch.onClaim(p0, claim(INTERVAL_MS));
  for (let n = 0; n < 5; n++) {
    pass(1_000);
    expect(canary(p0)).toBe(true);
  }
  pass(3_000);
  expect(watch.failing).toEqual([]);
  pass(500);
  expect(watch.failing).toEqual([p0]);
  expect(watch.isFailing(p1)).toBe(false);
  expect(alarms.raised()).toMatchObject([{ alarm: 'canary_missing', partition: 0 }]);
  canary(p0);
  expect(watch.failing).toEqual([]);
  expect(alarms.raised()).toEqual([]);
});

test('one whose newest claim promises none is never failing: an older sequencer, or one with canaries off', () => {
  const { watch, pass, canary } = world();
  pass(60_000);
  expect(watch.failing).toEqual([]);
  watch.onClaim(p0, claim(INTERVAL_MS));
  canary(p0);
  watch.onClaim(p0, claim());
  watch.onClaim(p1, claim(0));
  pass(60_000);
  expect(watch.failing).toEqual([]);
});

test('a claim that promises canaries and sends none makes it failing: its sequencer has halted', () => {
  const { watch, pass } = world();
  watch.onClaim(p0, claim(INTERVAL_MS));
  pass(3_500);
  expect(watch.failing).toEqual([p0]);
  // The next owner may be an older one.
  watch.onClaim(p0, claim());
  expect(watch.failing).toEqual([]);
});

test('other events and answers are signs of life too; a canary alone tells the interval', () => {
  const { watch, pass, canary } = world();
  watch.onClaim(p0, claim(INTERVAL_MS));
  for (let n = 0; n < 8; n++) {
    pass(2_000);
    watch.onEvent(p0);
  }
  expect(watch.failing).toEqual([]);
  canary(p1);
  pass(3_500);
  expect(watch.failing).toContain(p1);
});

test('a canary of the owner before does not promise what the newest claim does not', () => {
  const { watch, pass, canary } = world();
  watch.onClaim(p0, claim(INTERVAL_MS));
  watch.onClaim(p0, claim(0));
  // It was still in inbound at the takeover, and is answered by the next owner.
  canary(p0);
  pass(60_000);
  expect(watch.failing).toEqual([]);
});

test('where claims may have been passed over, canaries tell the interval again', () => {
  const { watch, pass, canary } = world();
  watch.onClaim(p0, claim(INTERVAL_MS));
  pass(3_500);
  expect(watch.failing).toEqual([p0]);
  watch.onJump(p0);
  pass(60_000);
  expect(watch.failing).toEqual([]);
  canary(p0);
  pass(3_500);
  expect(watch.failing).toEqual([p0]);
});

test('however short the interval is, a partition has the time that a takeover takes', () => {
  const { watch, pass } = world({});
  watch.onClaim(p0, claim(1));
  pass(14_500);
  expect(watch.failing).toEqual([]);
  pass(1_000);
  expect(watch.failing).toEqual([p0]);
});

test('what this gateway could not have read is nobody’s fault', () => {
  const { watch, deaf, pass, stand } = world();
  watch.onClaim(p0, claim(INTERVAL_MS));
  stand(60_000);
  expect(watch.failing).toEqual([]);
  deaf.add(p0);
  pass(60_000);
  expect(watch.failing).toEqual([]);
  deaf.delete(p0);
  pass(3_000);
  expect(watch.failing).toEqual([]);
  pass(500);
  expect(watch.failing).toEqual([p0]);
});

test('shows the age of the last canary by partition, and how long they take', async () => {
  const { watch, metrics, pass, canary } = world();
  watch.onClaim(p0, claim(INTERVAL_MS));
  watch.onClaim(p1, claim(INTERVAL_MS));
  canary(p0, 40);
  pass(2_500);
  const text = await metrics.render();
  expect(text).toMatch(/roomlog_canary_age_seconds\{partition="0"\} 2\.5/);
  expect(text).not.toMatch(/roomlog_canary_age_seconds\{partition="1"\}/);
  expect(text).toMatch(/roomlog_canary_delay_ms_sum 40/);
  expect(text).toMatch(/roomlog_partitions_failing 0/);
});
