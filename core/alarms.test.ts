import { expect, test } from 'vitest';
import { ALARMS, Alarms } from './alarms.ts';
import type { Partition } from './ids.ts';
import { silentLog } from './ports/logger.ts';

const p0 = 0 as Partition;
const p1 = 1 as Partition;

function world() {
  const lines: string[] = [];
  const counted: string[] = [];
  let now = 1_000;
  const alarms = new Alarms({
    logger: {
      ...silentLog,
      error: (fields, message) => void lines.push(`${message} ${JSON.stringify(fields)}`),
      info: (_, message) => void lines.push(`${message}`),
    },
    clock: { now: () => now++, monotonic: () => 0 },
    onRaised: (alarm) => counted.push(alarm),
  });
  return { alarms, lines, counted };
}

test('an alarm is logged and counted once per partition until it is over, with the way out', () => {
  const { alarms, lines, counted } = world();
  for (let n = 0; n < 5; n++) alarms.raise('epoch_ahead', p0, `seen ${n} times`);
  alarms.raise('epoch_ahead', p1, 'there too');
  expect(counted).toEqual(['epoch_ahead', 'epoch_ahead']);
  expect(lines).toHaveLength(2);
  expect(lines[0]).toContain(ALARMS.epoch_ahead.slice(0, 30));
  expect(alarms.raised().map(({ partition, since, found }) => ({ partition, since, found }))).toEqual([
    { partition: 0, since: 1_000, found: 'seen 0 times' },
    { partition: 1, since: 1_001, found: 'there too' },
  ]);
  alarms.clear('epoch_ahead', p0);
  alarms.clear('epoch_ahead', p0);
  expect(lines).toHaveLength(3);
  alarms.raise('epoch_ahead', p0, 'again');
  expect(counted).toHaveLength(3);
});
