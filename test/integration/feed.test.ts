/** scripts/feed on a real stack, undisturbed and with its gateway killed. */
import { resolve } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { ROOMLOG, ROOT, RunningCommand, run } from '../support/command.ts';
import { kill, restart, restoreAll, stateDir } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

afterEach(restoreAll);

const FEED = resolve(ROOT, 'scripts/feed');
const feed = (...args: string[]) => new RunningCommand(FEED, [...args, '--state-dir', stateDir()]);

interface Flight {
  readonly room: string;
  readonly seq: number;
  readonly data: { readonly date: string; readonly origin: string };
}

/** What stands in Kafka by now. */
async function flights(): Promise<Flight[]> {
  const args = ['replay', '--pattern', 'airport/*', '-o', 'json', '--state-dir', stateDir()];
  const { stdout } = await run(ROOMLOG, args);
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Flight)
    .filter(({ data }) => data.date !== undefined);
}

test('real flights arrive in the rooms of their airports, in time order, once, though the gateway is killed', async () => {
  const before = (await flights()).length;
  const running = feed('--limit', '1500', '--rate', '300', '--clients', '3');
  await waitFor(async () => (await flights()).length > before + 100, { withinMs: 30_000, what: 'flights under way' });
  await kill('gateway-1');
  await restart('gateway-1');
  const { code, stderr, stdout } = await running.ended();
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  expect(stderr).toMatch(/1,500 flights of \d+ airports sent in .* 1,500 acked/);
  const all = (await flights()).slice(before);
  expect(all).toHaveLength(1_500);
  const byRoom = new Map<string, string[]>();
  for (const { room, data } of all) {
    expect(room).toBe(`airport/${data.origin}`);
    byRoom.set(room, [...(byRoom.get(room) ?? []), data.date]);
  }
  for (const dates of byRoom.values()) expect(dates).toEqual([...dates].sort());
}, 120_000);

test('Ctrl-C ends it with everything answered and a summary', async () => {
  const running = feed('--rate', '100');
  await waitFor(() => running.stderr.includes(' acked'), { withinMs: 30_000, what: 'a progress line' });
  running.kill('SIGINT');
  const { code, stderr } = await running.ended();
  expect(code).toBe(0);
  const [, sent, acked] = /([\d,]+) flights of .* sent in .*, ([\d,]+) acked/.exec(stderr) ?? [];
  expect(acked).toBe(sent);
}, 60_000);

test('a wrong command line is told with all its faults', async () => {
  const { code, stderr } = await feed('--rate', 'fast', '--clients', '0').ended();
  expect(code).toBe(2);
  expect(stderr).toMatch(/--rate .*--clients/);
});
