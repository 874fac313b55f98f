import { afterAll, afterEach, expect, test } from 'vitest';
import { configSchema } from '../../core/config/schema.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { StandInProgram } from '../../test/support/stand-in-program.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { FIRST_DELAY_MS } from './back-off.ts';
import { WorkerProcess } from './worker-process.ts';

const program = new StandInProgram();
const config = configSchema.parse({ gateway: { name: 'g' } });
const started: WorkerProcess[] = [];
afterEach(async () => {
  program.restore();
  for (const worker of started.splice(0)) await worker.stop(1);
});
afterAll(() => program.remove());

/** A worker whose process runs this in a gateway's place. */
function runs(source: string, onRestart = () => {}): WorkerProcess {
  program.use(source);
  const worker = new WorkerProcess({ config, logger: silentLog, onRestart });
  started.push(worker);
  return worker;
}

const SERVES = `process.send({ said: 'admin', url: 'http://127.0.0.1:1' }); process.send({ said: 'serving' });`;

test('a worker for which there is no process is told of like one that ended', async () => {
  process.execPath = '/there/is/no/such/program';
  const worker = new WorkerProcess({ config, logger: silentLog, onRestart: () => {} });
  await expect(worker.start()).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('ENOENT'),
  });
  expect([worker.state, worker.pid]).toEqual(['stopped', null]);
  await worker.stop(1_000);
});

test('a fault of the first start is told in its own words, and not tried again', async () => {
  let restarts = 0;
  const failed = `process.send({ said: 'failed', code: 'topic_missing', message: 'no such topic' }, () => process.exit(1));`;
  const worker = runs(failed, () => {
    restarts += 1;
  });
  await expect(worker.start()).rejects.toMatchObject({ code: 'topic_missing', message: 'no such topic' });
  expect([worker.state, restarts]).toEqual(['stopped', 0]);
});

test('gets its configuration when it starts', async () => {
  const worker = runs(`process.on('message', ({ tell, config }) => {
    if (tell === 'start' && config.gateway.name === 'g') ${SERVES.replaceAll(';', ',').slice(0, -1)};
  })`);
  await worker.start();
  expect([worker.state, worker.adminUrl]).toEqual(['serving', 'http://127.0.0.1:1']);
});

test('what has served and ends is started again, and waits longer each time in a row', async () => {
  const atMs: number[] = [performance.now()];
  const worker = runs(`${SERVES} setTimeout(() => process.exit(3), 5);`, () => atMs.push(performance.now()));
  await worker.start();
  await waitFor(() => atMs.length === 4, { what: 'three restarts' });
  expect(worker.restarts).toBe(3);
  const waits = atMs.slice(1).map((at, index) => at - (atMs[index] as number));
  expect(waits.map((wait, index) => wait >= FIRST_DELAY_MS * 2 ** index)).toEqual([true, true, true]);
}, 30_000);

test('a worker that is killed has no port until it is back, with another process', async () => {
  const worker = runs(`${SERVES} setInterval(() => {}, 1_000);`);
  await worker.start();
  const { pid } = worker;
  worker.kill('the test wants it');
  await waitFor(() => worker.state === 'waiting');
  expect([worker.pid, worker.adminUrl]).toEqual([null, null]);
  await waitFor(() => worker.state === 'serving');
  expect(worker.pid).not.toBe(pid);
}, 30_000);

test('stops when it is told to, and by force where it does not listen', async () => {
  const listens = runs(`${SERVES} process.on('message', ({ tell }) => tell === 'stop' && process.exit(0));`);
  await listens.start();
  await listens.stop(60_000);
  expect(listens.state).toBe('stopped');
  const deaf = runs(`${SERVES} process.on('message', () => {}); process.on('disconnect', () => {});`);
  await deaf.start();
  await deaf.stop(50);
  expect([deaf.state, deaf.restarts, deaf.pid]).toEqual(['stopped', 0, null]);
}, 30_000);

test('is not started again where it is stopped while it waits', async () => {
  let restarts = 0;
  const worker = runs(`${SERVES} setTimeout(() => process.exit(3), 5);`, () => {
    restarts += 1;
  });
  await worker.start();
  await waitFor(() => worker.state === 'waiting', { pollMs: 2 });
  const before = restarts;
  await worker.stop(60_000);
  const witness = runs(`${SERVES} setTimeout(() => process.exit(3), 5);`);
  await witness.start();
  await waitFor(() => witness.restarts === 2, { what: 'another one that was started again twice' });
  expect([worker.state, restarts]).toEqual(['stopped', before]);
}, 30_000);
