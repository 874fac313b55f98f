/** Members of many rooms on few connections: as many rooms on each as a gateway allows. Counts what comes. */
import { LeanClient } from '../fan-out/lean-client.ts';
import { roomName } from '../fan-out/messages.ts';
import type { MembersAsked, MembersJob, MembersSaid } from './messages.ts';

/** Joins of one connection that wait for their answer. */
const AT_ONCE = 20;
const WELCOME = '{"type":"welcome"';
const LIVE = '{"type":"live"';
const ERROR = '{"type":"error"';

const job = JSON.parse(process.argv[2] ?? '{}') as MembersJob;
const members: LeanClient[] = [];
let joined = 0;
let closed = 0;
const say = (said: MembersSaid): void => void process.send?.(said);

/** A connection in the rooms from `first` up to, not including, `end`. */
async function join(first: number, end: number): Promise<void> {
  const all = Promise.withResolvers<void>();
  let [next, live] = [first, 0];
  const joinNext = (client: LeanClient): void => {
    if (next >= end) return;
    client.send(JSON.stringify({ type: 'join', id: next + 1, room: roomName(next) }));
    next += 1;
  };
  const onText = (payload: Buffer, client: LeanClient): void => {
    const text = payload.toString('latin1', 0, 20);
    if (text.startsWith(WELCOME)) for (let count = 0; count < AT_ONCE; count += 1) joinNext(client);
    else if (text.startsWith(ERROR)) all.reject(new Error(payload.toString()));
    else if (text.startsWith(LIVE)) {
      live += 1;
      joinNext(client);
      if (live === end - first) all.resolve();
    }
  };
  const onClose = (): void => {
    closed += 1;
  };
  const member = await LeanClient.open({ url: job.url, protocol: null, compression: false, onText, onClose });
  members.push(member);
  member.send(JSON.stringify({ type: 'hello', token: job.token }));
  await all.promise;
  // From here on only counted.
  member.reading = false;
}

process.on('message', async (asked: MembersAsked) => {
  if (asked.ask === 'count') {
    const { user, system } = process.cpuUsage();
    const messages = members.reduce((sum, member) => sum + member.messages, 0);
    say({ said: 'count', messages, cpuMs: (user + system) / 1e3, closed });
    return;
  }
  const startedAtMs = performance.now();
  while (joined < asked.rooms) {
    const end = Math.min(asked.rooms, joined + job.roomsPerConnection);
    await join(joined, end);
    joined = end;
  }
  say({ said: 'joined', elapsedMs: Math.round(performance.now() - startedAtMs) });
});
process.on('disconnect', () => process.exit(0));
say({ said: 'ready' });
