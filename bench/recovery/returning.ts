/**
 * Clients that come back, thousands in one process, as the SDK does: hello with `batch`, a join with what they had, again after a pause
 * where they are refused. They count what comes and look only at where it begins and ends.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { LeanClient } from '../fan-out/lean-client.ts';
import { machineNow } from '../support/machine-clock.ts';
import type { Asked, Joining, Returned, ReturningJob, Said } from './messages.ts';

const GIVE_UP_MS = 180_000;
/** The SDK's back-off: a random time up to this, doubled with each try. */
const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 10_000;
const EVENT = Buffer.from('"type":"event"');
const SEQ = Buffer.from('"seq":');
const LIVE = Buffer.from('{"type":"live"');
const JOINED = Buffer.from('{"type":"joined"');
const ERROR = Buffer.from('{"type":"error"');

const job = JSON.parse(process.argv[2] ?? '{}') as ReturningJob;
const begins = (bytes: Buffer, mark: Buffer): boolean => bytes.compare(mark, 0, mark.length, 0, mark.length) === 0;

interface Outcome {
  readonly client: LeanClient;
  readonly joinMs: number;
  readonly recovered: boolean;
  readonly wrong: string;
  readonly refused: number;
}

/** Throws where the handshake is refused. */
async function tryOnce({ room, start, events, seq }: Joining): Promise<Outcome> {
  const over = Promise.withResolvers<Outcome>();
  // Of a handshake that is refused, `open` tells.
  over.promise.catch(() => {});
  let came = 0;
  let first = 0;
  let recovered = false;
  let refused = 0;
  let askedAt = 0;
  const client = await LeanClient.open({
    url: job.url,
    protocol: 'roomlog.v1.json',
    compression: false,
    onText: (payload) => {
      if (begins(payload, LIVE)) {
        const said = (JSON.parse(payload.toString()) as { seq: number }).seq;
        let wrong = '';
        if (came !== events) wrong = `${came} events instead of ${events}`;
        else if (said !== seq) wrong = `live at ${said}, not ${seq}`;
        else if (events > 0 && first !== seq - events + 1) wrong = `first is ${first}, not ${seq - events + 1}`;
        over.resolve({ client, joinMs: machineNow() - askedAt, recovered, wrong, refused });
      } else if (begins(payload, JOINED)) {
        recovered = (JSON.parse(payload.toString()) as { recovered: boolean }).recovered;
      } else if (begins(payload, ERROR)) {
        const { code, retryAfter } = JSON.parse(payload.toString()) as { code: string; retryAfter?: number };
        if (code !== 'unavailable') over.reject(new Error(code));
        refused += 1;
        setTimeout(ask, retryAfter ?? FIRST_PAUSE_MS);
      } else {
        for (let at = payload.indexOf(EVENT); at >= 0; at = payload.indexOf(EVENT, at + EVENT.length)) {
          came += 1;
          if (first > 0) continue;
          const digits = payload.indexOf(SEQ, at) + SEQ.length;
          first = Number.parseInt(payload.toString('latin1', digits, digits + 16), 10);
        }
      }
    },
    onClose: () => over.reject(new Error('closed before it was live')),
  });
  const ask = (): void => client.send(JSON.stringify({ type: 'join', id: 1, room, ...start }));
  client.send(JSON.stringify({ type: 'hello', token: job.token, batch: true }));
  askedAt = machineNow();
  ask();
  return over.promise;
}

async function comeBack(joining: Joining, clients: LeanClient[]): Promise<Returned> {
  const began = machineNow();
  let refused = 0;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
    try {
      const { client, ...outcome } = await tryOnce(joining);
      clients.push(client);
      const liveAtMs = machineNow();
      return { ...outcome, liveAfterMs: liveAtMs - began, liveAtMs, refused: refused + outcome.refused };
    } catch (error) {
      refused += 1;
      if (machineNow() - began > GIVE_UP_MS) {
        const wrong = error instanceof Error ? error.message : String(error);
        return {
          liveAfterMs: GIVE_UP_MS,
          joinMs: GIVE_UP_MS,
          liveAtMs: machineNow(),
          recovered: false,
          wrong,
          refused,
        };
      }
    }
    await sleep(Math.random() * pauseMs);
  }
}

process.on('message', async (asked: Asked) => {
  if (asked.ask !== 'return') return;
  const clients: LeanClient[] = [];
  const { joins, spreadMs } = asked;
  const all = await Promise.all(
    joins.map(async (joining, index) => {
      await sleep((index * spreadMs) / joins.length);
      return comeBack(joining, clients);
    }),
  );
  const bytes = clients.reduce((sum, client) => sum + client.bytes, 0);
  // They stay until this process is told to go: thousands who leave at once would show in the latency of what came just before.
  process.send?.({ said: 'returned', all, bytes } satisfies Said);
});
process.on('disconnect', () => process.exit(0));
process.send?.({ said: 'ready' } satisfies Said);
