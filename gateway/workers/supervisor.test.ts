import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { configSchema } from '../../core/config/schema.ts';
import { StandInProgram } from '../../test/support/stand-in-program.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { FIRST_DELAY_MS } from './back-off.ts';
import { startWorkers } from './supervisor.ts';
import { MAX_SILENCES } from './watch.ts';

const ASK_EVERY_MS = 5_000;
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** Workers run this, with `config`, `say` and `folder` in its scope, once they are told to start; `onStop` may be set. */
function workersRun(source: string): StandInProgram {
  const program = new StandInProgram();
  ends.push(() => program.remove());
  program.use(`
    import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
    const folder = ${JSON.stringify(program.folder)};
    const say = (said, then) => process.send(said, then);
    let onStop = () => process.exit(0);
    process.on('disconnect', () => process.exit(0));
    process.on('message', ({ tell, config }) => {
      if (tell === 'stop') return onStop();
      ${source}
    });
  `);
  return program;
}

const config = configSchema.parse({
  gateway: { name: 'g', port: 0, adminPort: 0, workers: 2 },
  log: { level: 'silent' },
});

async function start() {
  const supervisor = await startWorkers(config);
  let stopping: Promise<void> | null = null;
  const stop = (): Promise<void> => {
    stopping ??= supervisor.stop();
    return stopping;
  };
  ends.push(stop);
  const health = async () =>
    (await (await fetch(`${supervisor.adminUrl}/health`)).json()) as {
      readonly workers: readonly { readonly gateway: string; readonly pid: number; readonly restarts: number }[];
    };
  return { supervisor, stop, health };
}

test('a worker that hangs is killed and started again, its neighbour is let alone', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  ends.push(() => vi.useRealTimers());
  const asked = { '/1': 0, '/2': 0 };
  const server = createServer((request, response) => {
    const worker = request.url?.slice(0, 2) as '/1' | '/2';
    asked[worker] += 1;
    // A cut connection is as good as no answer, and quicker.
    if (worker === '/2' && request.url?.endsWith('/live') === true) response.destroy();
    else response.end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  workersRun(`
    say({ said: 'admin', url: '${url}/' + config.gateway.name.at(-1) });
    say({ said: 'serving' });
  `);
  const { health } = await start();
  const before = (await health()).workers;
  for (let silence = 1; silence <= MAX_SILENCES; silence += 1) {
    const seen = { ...asked };
    vi.advanceTimersByTime(ASK_EVERY_MS);
    await waitFor(() => asked['/1'] > seen['/1'] && asked['/2'] > seen['/2']);
  }
  const after = await waitFor(async () => {
    const { workers } = await health();
    return workers[1]?.restarts === 1 && workers[1].pid !== before[1]?.pid && workers;
  });
  expect(after[0]).toEqual(before[0]);
}, 30_000);

test('the first fault of a start is thrown as it is, and nothing is left running', async () => {
  const program = workersRun(`
    writeFileSync(folder + '/' + config.gateway.name, String(process.pid));
    if (config.gateway.name === 'g-1') say({ said: 'serving' });
    else say({ said: 'failed', code: 'topic_missing', message: 'no such topic' }, () => process.exit(1));
  `);
  await expect(startWorkers(config)).rejects.toMatchObject({ code: 'topic_missing', message: 'no such topic' });
  const pids = ['g-1', 'g-2'].map((name) => Number(readFileSync(join(program.folder, name), 'utf8')));
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow();
});

test('all are told to stop at the same time', async () => {
  const program = workersRun(`
    onStop = () => {
      appendFileSync(folder + '/stopping', '.');
      setInterval(() => {
        if (readFileSync(folder + '/stopping', 'utf8') !== '..') return;
        appendFileSync(folder + '/ended', '.');
        process.exit(0);
      }, 10);
    };
    say({ said: 'serving' });
  `);
  const { stop } = await start();
  expect(existsSync(join(program.folder, 'stopping'))).toBe(false);
  await stop();
  // Each of them waited for the other, and none had to be killed.
  expect(readFileSync(join(program.folder, 'ended'), 'utf8')).toBe('..');
});

test('a worker that ends is started again, and the count is shown', async () => {
  workersRun(`say({ said: 'serving' });`);
  const { supervisor, health } = await start();
  const [first] = (await health()).workers;
  process.kill(first?.pid as number, 'SIGKILL');
  await waitFor(async () => (await health()).workers[0]?.restarts === 1, { withinMs: FIRST_DELAY_MS + 10_000 });
  const metrics = await (await fetch(`${supervisor.adminUrl}/metrics`)).text();
  expect(metrics).toContain('roomlog_worker_restarts_total{worker="supervisor"} 1\n');
}, 30_000);
