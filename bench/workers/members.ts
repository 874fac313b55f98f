/**
 * Members who take little of the machine: this process sleeps most of the time, so that one read of a socket takes all that came meanwhile, while the
 * gateway wrote each of it by itself. So many more deliveries than one core could read one by one leave the gateways as what limits.
 */
import { LeanClient } from '../fan-out/lean-client.ts';
import { roomName } from '../fan-out/messages.ts';
import type { MembersAsked, MembersJob, MembersSaid } from './messages.ts';

const CONNECT_AT_ONCE = 50;
/** How long the event loop stands still each turn. A socket's buffers hold what comes meanwhile many times over. */
const NAP_MS = 400;
const WELCOME = '{"type":"welcome"';
const LIVE = '{"type":"live"';

const job = JSON.parse(process.argv[2] ?? '{}') as MembersJob;
const never = new Int32Array(new SharedArrayBuffer(4));
let byWorker: Record<string, number> = {};
let members: LeanClient[] = [];
/** Messages that were no deliveries. */
let answers = 0;
let closed = 0;
let napping = false;
const say = (said: MembersSaid): void => void process.send?.(said);

async function join(url: string, room: number): Promise<LeanClient> {
  const live = Promise.withResolvers<void>();
  const client = await LeanClient.open({
    url,
    protocol: null,
    compression: false,
    onText: (payload) => {
      const text = payload.toString('latin1', 0, 20);
      if (text.startsWith(WELCOME)) {
        const { gateway } = JSON.parse(payload.toString()) as { gateway: string };
        byWorker[gateway] = (byWorker[gateway] ?? 0) + 1;
      } else if (text.startsWith(LIVE)) live.resolve();
    },
    onClose: () => {
      closed += 1;
    },
  });
  client.send(JSON.stringify({ type: 'hello', token: job.token, rooms: [{ id: 1, room: roomName(room) }] }));
  await live.promise;
  // From here on only counted.
  client.reading = false;
  return client;
}

const received = (): number => members.reduce((sum, member) => sum + member.messages, 0);

async function begin(url: string, rooms: number): Promise<void> {
  byWorker = {};
  const wanted = rooms * job.membersPerRoom;
  while (members.length < wanted) {
    const first = members.length;
    const many = Math.min(CONNECT_AT_ONCE, wanted - first);
    members.push(...(await Promise.all(Array.from({ length: many }, (_, at) => join(url, (first + at) % rooms)))));
  }
  answers = received();
  closed = 0;
  napping = true;
  setImmediate(nap);
  say({ said: 'live', byWorker });
}

function nap(): void {
  if (!napping) return;
  Atomics.wait(never, 0, 0, NAP_MS);
  setImmediate(nap);
}

process.on('disconnect', () => process.exit(0));
process.on('message', (asked: MembersAsked) => {
  if (asked.ask === 'begin') void begin(asked.url, asked.rooms);
  else if (asked.ask === 'end') {
    napping = false;
    for (const member of members) member.end();
    members = [];
    say({ said: 'ended' });
  } else {
    const { user, system } = process.cpuUsage();
    say({ said: 'count', deliveries: received() - answers, cpuMs: (user + system) / 1e3, closed });
  }
});
say({ said: 'ready' });
