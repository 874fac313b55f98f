import { afterEach, expect, test } from 'vitest';
import { configSchema } from '../../core/config/schema.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { WorkerProcess } from './worker-process.ts';

const { execPath } = process;
afterEach(() => {
  process.execPath = execPath;
});

test('a worker for which there is no process is told of like one that ended', async () => {
  process.execPath = '/there/is/no/such/program';
  const config = configSchema.parse({ gateway: { name: 'g' } });
  const worker = new WorkerProcess({ config, logger: silentLog, onRestart: () => {} });
  await expect(worker.start()).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('ENOENT'),
  });
  expect([worker.state, worker.pid]).toEqual(['stopped', null]);
  await worker.stop(1_000);
});
