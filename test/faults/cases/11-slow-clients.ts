/**
 * Case 11: members of a busy room that take nothing for a while, or only a little at a time, beside one that takes all at once. The slow ones leave
 * the live path, read on from the log when they can, and have every event in the end; the quick one and all other rooms notice nothing.
 */
import { waitFor } from '../../support/wait-for.ts';
import type { FaultCase } from '../case.ts';
import { LaggingReader } from '../lagging-reader.ts';
import { RawPublisher } from '../raw-publisher.ts';
import type { World } from '../world.ts';

/** Per gateway but the publisher's own, whose acks tell what everybody waited for. */
const STALLED = 2;
const DRIBBLING = 1;
/** The kernel takes some MB for a client that does not read, 36 where tcp_rmem goes up to 32: so much more is published. */
const EVENT_BYTES = 40_000;
/** Publishes that wait for their answer. */
const UNANSWERED = 4;
const PACE_MS = 20;
const BEFORE_MS = 4_000;
const HELD_MS = 4_000;
/** A dribbling client looks at its socket for the first of so many ms. */
const DRIBBLE_MS = [1, 1_000] as const;
/** On a machine that is busy with other things, publishing as much takes far longer than the 20 s of a quiet one. */
const BEHIND_WITHIN_MS = 120_000;
const CAUGHT_UP_WITHIN_MS = 60_000;
/** How much later than the ack, at a gateway without slow clients, a quick client may have an event: the machine is shared with all that runs here. */
const P99_FACTOR = 2;
const P99_SLACK_MS = 150;

/** When each publish was acked, by its number. */
type AckedAt = Map<number, number>;

/** Publishes at an even pace until it is stopped; answers with how many were acked. */
async function flood(
  publisher: RawPublisher,
  { room, ackedAt, from }: { readonly room: string; readonly ackedAt: AckedAt; readonly from: number },
  until: () => boolean,
): Promise<number> {
  const blob = 'x'.repeat(EVENT_BYTES);
  const waiting = new Set<Promise<unknown>>();
  let pub = from;
  while (!until()) {
    const number = pub;
    const answer = publisher.publish(room, number, 'large', { number, blob });
    const settled = answer.finally(() => {
      ackedAt.set(number, performance.now());
      waiting.delete(settled);
    });
    waiting.add(settled);
    pub += 1;
    await Promise.all([
      new Promise((resolve) => setTimeout(resolve, PACE_MS)),
      waiting.size >= UNANSWERED ? Promise.race(waiting) : null,
    ]);
  }
  await Promise.all(waiting);
  return pub - 1;
}

/** An event at a quick client. */
interface Arrival {
  readonly number: number;
  readonly at: number;
}

/** By how much events came later than their acks, ms. Negative where they came first. */
function p99Behind(arrivals: readonly Arrival[], ackedAt: AckedAt): number {
  const behind = arrivals.map(({ number, at }) => at - (ackedAt.get(number) ?? at)).sort((a, b) => a - b);
  return behind[Math.floor(behind.length * 0.99)] ?? Number.NaN;
}

async function sumOver(world: World, name: string): Promise<number> {
  const gateways = world.roomlog.gateways.map((_, index) => `gateway-${index + 1}`);
  const values = await Promise.all(gateways.map((gateway) => world.metric(gateway, name)));
  return values.reduce((sum, value) => sum + value, 0);
}

export const slowClients: FaultCase = {
  number: 11,
  name: 'slow and stalled clients',
  seconds: 45,
  // The ring holds little, so that who comes back has to read the log.
  // No pings: while the kernel takes all that a stalled client is sent, nothing but its missing pong would tell.
  environment: {
    ROOMLOG_GATEWAY_SLOW_CLIENT_BYTES: '131072',
    ROOMLOG_GATEWAY_RING_BYTES: '1048576',
    ROOMLOG_GATEWAY_PING_INTERVAL_MS: '3600000',
  },
  async run(world) {
    const { roomlog, recorder, load } = world;
    const [own = '', ...crowded] = roomlog.urls();
    const user = load.users[0] ?? '';
    const token = await roomlog.token(user);
    await world.repeat(async (round) => {
      const room = `slow/${round}`;
      const come = async (name: string, url: string): Promise<LaggingReader> => {
        const reader = new LaggingReader({ client: `${name}-${round}`, user, token, room }, recorder);
        await reader.come(url);
        return reader;
      };
      const at = <T>(count: number, make: (index: number, url: string) => T): T[] =>
        crowded.flatMap((url, gateway) =>
          Array.from({ length: count }, (_, index) => make(gateway * count + index, url)),
        );
      const stalled = await Promise.all(at(STALLED, (index, url) => come(`stalled-${index}`, url)));
      const dribbling = await Promise.all(at(DRIBBLING, (index, url) => come(`dribbling-${index}`, url)));
      const quick = await Promise.all(at(1, (index, url) => come(`quick-${index}`, url)));
      const slow = [...stalled, ...dribbling];
      const ackedAt: AckedAt = new Map();
      let arrivals: Arrival[] = [];
      for (const one of quick) {
        one.onDelivered = (data) =>
          arrivals.push({ number: (data as { number: number }).number, at: performance.now() });
      }
      const publisher = await RawPublisher.open(
        { url: own, token, session: null },
        { name: `flood-${round}`, user },
        recorder,
      );
      const startedAt = performance.now();
      let head = await flood(publisher, { room, ackedAt, from: 1 }, () => performance.now() - startedAt > BEFORE_MS);
      await waitFor(() => slow.every(({ seq }) => seq === head), { what: 'all members at the head' });
      const before = p99Behind(arrivals, ackedAt);
      let during: readonly Arrival[] = [];
      let isOver = false;
      let flooding: Promise<number> = Promise.resolve(head);
      let dribble: NodeJS.Timeout | null = null;
      await world.fault({
        name: 'clients-stalled',
        async make() {
          arrivals = [];
          for (const one of slow) one.stall();
          dribble = setInterval(() => {
            for (const one of dribbling) one.flow();
            setTimeout(() => {
              for (const one of dribble === null ? [] : dribbling) one.stall();
            }, DRIBBLE_MS[0]);
          }, DRIBBLE_MS[1]);
          flooding = flood(publisher, { room, ackedAt, from: head + 1 }, () => isOver);
          await waitFor(async () => (await sumOver(world, 'roomlog_slow_clients')) >= stalled.length, {
            what: 'all stalled clients off the live path',
            withinMs: BEHIND_WITHIN_MS,
          });
        },
        seen: async () => {
          const behind = await sumOver(world, 'roomlog_slow_clients');
          const all = `${stalled.length} stalled and ${dribbling.length} dribbling members`;
          return behind >= stalled.length && `${behind} of ${all} had left the live path`;
        },
        holdMs: HELD_MS,
        async heal() {
          isOver = true;
          head = await flooding;
          // What the slow ones read from now on, this process has to parse as well.
          during = arrivals;
          arrivals = [];
          if (dribble !== null) clearInterval(dribble);
          dribble = null;
          for (const one of slow) one.flow();
        },
        recovery: 'begin',
      });
      const beside = p99Behind(during, ackedAt);
      await waitFor(() => [...slow, ...quick].every(({ seq }) => seq === head), {
        what: 'every slow client at the head',
        withinMs: CAUGHT_UP_WITHIN_MS,
      });
      await waitFor(async () => (await sumOver(world, 'roomlog_slow_clients')) === 0, {
        what: 'all of them live again',
      });
      const read = await sumOver(world, 'roomlog_history_bytes_read_total');
      world.notes.push(
        `Round ${round}: ${head} events of ${EVENT_BYTES / 1_000} KB; p99 of quick members, after the ack: ${before.toFixed(0)} ms before, ${beside.toFixed(0)} ms beside ${slow.length} slow ones; ${(read / 1e6).toFixed(0)} MB read from the log so far.`,
      );
      if (!(beside <= P99_FACTOR * Math.max(0, before) + P99_SLACK_MS)) {
        world.problems.push(
          `quick members had events ${beside.toFixed(0)} ms after the ack beside slow ones, ${before.toFixed(0)} ms without`,
        );
      }
      for (const one of [...slow, ...quick]) {
        if (one.gaps > 0 || one.missed > 0) world.problems.push(`a member of ${room} was told of a gap`);
        if (!one.isConnected) world.problems.push(`a member of ${room} lost its connection`);
        one.leave();
      }
      publisher.close();
    });
  },
};
