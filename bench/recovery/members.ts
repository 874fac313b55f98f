/** Healthy members of rooms, many in one process: each event's latency from the moment at which it should have been sent. */
import { LeanClient } from '../fan-out/lean-client.ts';
import { machineNow } from '../support/machine-clock.ts';
import type { Asked, MembersJob, Said, Sample } from './messages.ts';

const CONNECT_AT_ONCE = 50;
const TIME_MARK = Buffer.from('{"t":');
const SEQ_MARK = Buffer.from('"seq":');
const COMMA = 0x2c;

const job = JSON.parse(process.argv[2] ?? '{}') as MembersJob;
let samples: Sample[] = [];
let outOfOrder = 0;
/** Nothing is collected once it must not be in the way any more. */
const members: LeanClient[] = [];

const numberBehind = (payload: Buffer, mark: Buffer): number => {
  const start = payload.indexOf(mark) + mark.length;
  return Number(payload.toString('latin1', start, payload.indexOf(COMMA, start)));
};

async function join(room: string): Promise<void> {
  const joined = Promise.withResolvers<void>();
  let isLive = false;
  let last = 0;
  const client = await LeanClient.open({
    url: job.url,
    protocol: 'roomlog.v1.json',
    compression: false,
    onText: (payload) => {
      if (isLive) {
        const now = machineNow();
        const seq = numberBehind(payload, SEQ_MARK);
        if (last !== 0 && seq !== last + 1) outOfOrder += 1;
        last = seq;
        const intended = numberBehind(payload, TIME_MARK);
        samples.push([intended, now - intended]);
        return;
      }
      const { type, message } = JSON.parse(payload.toString()) as { type: string; message?: string };
      if (type === 'live') {
        isLive = true;
        joined.resolve();
      }
      if (type === 'error') joined.reject(new Error(message));
    },
    onClose: () => joined.reject(new Error('closed before it was live')),
  });
  client.send(JSON.stringify({ type: 'hello', token: job.token }));
  client.send(JSON.stringify({ type: 'join', id: 1, room }));
  await joined.promise;
  members.push(client);
}

const say = (message: Said): void => void process.send?.(message);
process.on('message', (asked: Asked) => {
  if (asked.ask !== 'samples') return;
  say({ said: 'samples', samples, outOfOrder });
  samples = [];
  outOfOrder = 0;
});
process.on('disconnect', () => process.exit(0));

for (let from = 0; from < job.rooms.length; from += CONNECT_AT_ONCE) {
  await Promise.all(job.rooms.slice(from, from + CONNECT_AT_ONCE).map(join));
}
say({ said: 'ready' });
