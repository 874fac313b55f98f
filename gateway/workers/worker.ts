/**
 * One of several gateways on one port, as a process: started by `supervisor.ts`, told what to be over IPC. It ends when it is told, on SIGTERM (and is
 * then started anew), and when its supervisor is gone, each time after a drain.
 */
import { RoomlogError } from '../../core/errors.ts';
import { stopTimeoutMs } from '../drain.ts';
import { type RunningGateway, startGateway } from '../main.ts';
import type { WorkerSaid, WorkerTold } from './messages.ts';

let running: RunningGateway | null = null;
let isStopping = false;
/** How long a drain may take before the process ends anyway, ms: by its configuration. */
let withinMs = 0;

/** Resolves when it is on its way, or can't be sent any more. */
const say = (what: WorkerSaid): Promise<void> =>
  new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(what, undefined, undefined, () => resolve());
  });

async function stop(): Promise<void> {
  if (isStopping) return;
  isStopping = true;
  setTimeout(() => process.exit(1), withinMs).unref();
  // Where it is still starting nothing is served yet, and what it waits for may be waited for long.
  await running?.stop();
  process.exit(0);
}

process.on('message', (told: WorkerTold) => {
  if (told.tell === 'stop') void stop();
  else void start(told);
});
process.on('disconnect', () => void stop());
process.on('SIGTERM', () => void stop());
// A terminal sends it to the whole group: the supervisor passes it on.
process.on('SIGINT', () => {});

async function start({ config }: Extract<WorkerTold, { tell: 'start' }>): Promise<void> {
  withinMs = stopTimeoutMs(config.gateway);
  try {
    running = await startGateway(config, { onAdmin: (url) => void say({ said: 'admin', url }) });
    await say({ said: 'serving' });
  } catch (thrown) {
    const code = thrown instanceof RoomlogError ? thrown.code : null;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    if (code === null) process.stderr.write(`${thrown instanceof Error ? thrown.stack : message}\n`);
    await say({ said: 'failed', code, message });
    process.exit(1);
  }
}
