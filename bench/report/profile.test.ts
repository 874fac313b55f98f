import { expect, test } from 'vitest';
import { type CpuProfile, profileTable, spentByModule } from './profile.ts';

const node = (id: number, functionName: string, url = '') => ({ id, callFrame: { functionName, url, lineNumber: 0 } });
const profile: CpuProfile = {
  nodes: [
    node(1, 'write', 'file:///x/gateway/fanout/writer.ts'),
    node(2, 'send', 'file:///x/node_modules/ws/lib/sender.js'),
    node(3, 'frame', 'file:///x/node_modules/ws/lib/sender.js'),
    node(4, '(idle)'),
    node(5, '(garbage collector)'),
    node(6, '', 'file:///x/core/a.ts'),
  ],
  samples: [1, 2, 3, 4, 5, 6, 1],
  // Of the first sample's delta nobody knows what was on the stack; of the last one how long it stayed.
  timeDeltas: [999, 4_000, 2_000, 1_000, 5_000, 2_000, -50],
};

test('gives each module its own time as a share of the work, without idle time', () => {
  const { workedMs, idleMs, modules } = spentByModule(profile, 'file:///x/');
  expect(workedMs).toBe(9);
  expect(idleMs).toBe(5);
  expect(modules.map(({ name, ms }) => [name, ms])).toEqual([
    ['gateway/fanout/writer.ts', 4],
    ['ws', 3],
    ['V8: garbage collection', 2],
    ['core/a.ts', 0],
  ]);
  expect(modules[1]?.functions).toEqual([
    { name: 'send', share: 2 / 9 },
    { name: 'frame', share: 1 / 9 },
  ]);
});

test('gives the parts of the house where asked for them', () => {
  const { modules } = spentByModule(profile, 'file:///x/', 'part');
  expect(modules.map(({ name, ms }) => [name, ms])).toEqual([
    ['gateway/fanout', 4],
    ['ws', 3],
    ['V8: garbage collection', 2],
    ['core', 0],
  ]);
});

test('leaves out what lies before and behind the seconds that are asked for, from either end', () => {
  const long = { ...profile, samples: [1, 2, 3, 4], timeDeltas: [0, 1e6, 1e6, 1e6] };
  const worked = (from: number, to: number) => spentByModule(long, 'file:///x/', 'module', { from, to }).workedMs;
  expect([worked(0, 3), worked(1, 3), worked(-2, -1), worked(0, -1)]).toEqual([3_000, 2_000, 1_000, 2_000]);
});

test('shows small modules as one line', () => {
  const table = profileTable(spentByModule(profile, 'file:///x/'), 0.25);
  expect(table).toContain('| `gateway/fanout/writer.ts` | 44.4 % | `write` 44.4 % |');
  expect(table).toContain('| 2 others | 22.2 % | |');
});
