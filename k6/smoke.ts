/**
 * k6 smoke test: connect, join, publish, receive. A minute's answer to "does this installation carry events?"
 *
 *   k6 run -e ROOMLOG_URL=ws://127.0.0.1:7400/v1/ws -e ROOMLOG_TOKEN=… k6/smoke.ts
 *
 * The token has to allow joining and publishing `k6/**`. Options by environment: ROOMLOG_VUS (default 5), ROOMLOG_EVENTS
 * (events each user publishes, default 20), ROOMLOG_ROOM (default `k6/smoke/<time>`).
 */
import { check } from 'k6';
import { Counter, Rate, Trend } from 'k6/metrics';
import type { Options } from 'k6/options';
import { WebSocket } from 'k6/websockets';

const url = __ENV.ROOMLOG_URL ?? 'ws://127.0.0.1:7400/v1/ws';
const token = __ENV.ROOMLOG_TOKEN ?? '';
const users = Number(__ENV.ROOMLOG_VUS ?? 5);
/** At most 32: the protocol allows that many unanswered publishes of one session. */
const eventsEach = Math.min(32, Number(__ENV.ROOMLOG_EVENTS ?? 20));
const TIMEOUT_MS = 30_000;

const deliveryMs = new Trend('roomlog_delivery_ms', true);
const ackMs = new Trend('roomlog_ack_ms', true);
const gaps = new Counter('roomlog_gaps');
const duplicates = new Counter('roomlog_duplicates');
const errors = new Counter('roomlog_errors');
const complete = new Rate('roomlog_complete');

export const options: Options = {
  scenarios: {
    smoke: { executor: 'per-vu-iterations', vus: users, iterations: 1, maxDuration: '60s' },
  },
  thresholds: {
    checks: ['rate==1'],
    roomlog_complete: ['rate==1'],
    roomlog_gaps: ['count==0'],
    roomlog_duplicates: ['count==0'],
    roomlog_errors: ['count==0'],
    roomlog_delivery_ms: ['p(95)<1000'],
  },
};

export function setup(): { room: string } {
  if (token === '') throw new Error('Set ROOMLOG_TOKEN: roomlog token --user k6 --room "k6/**"');
  return { room: __ENV.ROOMLOG_ROOM ?? `k6/smoke/${Date.now()}` };
}

interface ServerFrame {
  type: string;
  id?: number;
  seq?: number;
  user?: string;
  session?: string;
  data?: { sentAt: number };
  code?: string;
  message?: string;
}

/** One user: joins the shared room, publishes its events once everybody could be there, waits for all of its own. */
export default function smoke({ room }: { room: string }): void {
  const socket = new WebSocket(url, null, { tags: { name: 'roomlog' } });
  let session = '';
  let lastSeq = 0;
  let acked = 0;
  let own = 0;
  const sentAt = new Map<number, number>();

  const send = (frame: object) => socket.send(JSON.stringify(frame));
  const timeout = setTimeout(() => socket.close(), TIMEOUT_MS);
  const finishWhenComplete = () => {
    if (acked < eventsEach || own < eventsEach) return;
    clearTimeout(timeout);
    socket.close();
  };

  const onFrame: Record<string, (frame: ServerFrame) => void> = {
    welcome(frame) {
      session = frame.session ?? '';
      send({ type: 'join', id: 1, room, after: 'start' });
    },
    live() {
      for (let pub = 1; pub <= eventsEach; pub++) {
        sentAt.set(pub + 1, Date.now());
        send({ type: 'publish', id: pub + 1, room, pub, event: 'smoke', data: { sentAt: Date.now() } });
      }
    },
    event(frame) {
      const seq = frame.seq ?? 0;
      if (seq <= lastSeq) duplicates.add(1);
      else if (seq !== lastSeq + 1) gaps.add(1);
      lastSeq = Math.max(lastSeq, seq);
      if (frame.session !== session) return;
      own++;
      deliveryMs.add(Date.now() - (frame.data?.sentAt ?? 0));
      finishWhenComplete();
    },
    ack(frame) {
      acked++;
      ackMs.add(Date.now() - (sentAt.get(frame.id ?? 0) ?? Date.now()));
      finishWhenComplete();
    },
    gap: () => gaps.add(1),
    error(frame) {
      errors.add(1);
      console.error(`${frame.code}: ${frame.message}`);
    },
  };

  socket.onopen = () => send({ type: 'hello', token });
  socket.onmessage = (message) => {
    const frame = JSON.parse(String(message?.data)) as ServerFrame;
    onFrame[frame.type]?.(frame);
  };
  socket.onclose = () => {
    clearTimeout(timeout);
    complete.add(acked === eventsEach && own === eventsEach);
    check(null, {
      'got a session': () => session !== '',
      'every publish was acked': () => acked === eventsEach,
      'every own event came back': () => own === eventsEach,
    });
  };
  socket.onerror = () => errors.add(1);
}
