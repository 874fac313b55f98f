import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { waitFor } from '../../test/support/wait-for.ts';
import { MAX_SILENCES, watchWorkers } from './watch.ts';

/** As many as may be under way are fewer than the silences that count, so that a stall of the test itself is none. */
const PACE = { everyMs: 50, withinMs: 200 };
const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** A worker's admin port, and the worker as its supervisor sees it. */
async function worker(answer: (asked: number, response: ServerResponse) => void) {
  const state = { asked: 0, killed: [] as number[], pid: 100, adminUrl: '' };
  const server: Server = createServer((_request, response) => {
    state.asked += 1;
    answer(state.asked, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => {
    server.closeAllConnections();
    server.close();
  });
  state.adminUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(state, { kill: () => void state.killed.push(state.asked) });
}

test('kills a worker that takes connections and never answers, and no other', async () => {
  const hung = await worker(() => {});
  const live = await worker((_asked, response) => response.end());
  const starting = { adminUrl: null, pid: 7, kill: () => expect.unreachable('it has no port to be asked at yet') };
  ends.push(watchWorkers([hung, live, starting], PACE));
  await waitFor(() => hung.killed.length > 0, { what: 'the end of the one that hangs' });
  expect(hung.killed[0]).toBeGreaterThanOrEqual(MAX_SILENCES);
  expect(live.killed).toEqual([]);
});

test('one answer in time is enough to begin the count anew', async () => {
  // Connections that are cut say as little as those that hang, and at once.
  const busy = await worker((asked, response) => {
    if (asked % MAX_SILENCES === 0) response.end();
    else response.destroy();
  });
  ends.push(watchWorkers([busy], { everyMs: 10, withinMs: 2_000 }));
  await waitFor(() => busy.asked >= 5 * MAX_SILENCES);
  expect(busy.killed).toEqual([]);
});

test('what its predecessor did not say is not held against a worker that was started anew', async () => {
  const restarting = await worker((_asked, response) => {
    restarting.pid = 100 + Math.floor(restarting.asked / (MAX_SILENCES - 2));
    response.destroy();
  });
  ends.push(watchWorkers([restarting], { everyMs: 10, withinMs: 2_000 }));
  await waitFor(() => restarting.asked >= 3 * MAX_SILENCES);
  expect(restarting.killed).toEqual([]);
});

test('nobody is asked once the watch is over', async () => {
  const quiet = await worker((_asked, response) => response.end());
  const stop = watchWorkers([quiet], PACE);
  await waitFor(() => quiet.asked > 0);
  stop();
  const witness = await worker((_asked, response) => response.end());
  ends.push(watchWorkers([witness], PACE));
  const before = quiet.asked;
  await waitFor(() => witness.asked > MAX_SILENCES);
  expect(quiet.asked).toBeLessThanOrEqual(before + 1);
});
