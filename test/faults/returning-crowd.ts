/** Thousands of strangers that come back at once, each with a cursor of one room: what comes to each must be exactly what it had missed. */
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';

const LIVE_WITHIN_MS = 90_000;
const PAUSE_MS = 500;

interface Frame extends Readonly<Record<string, unknown>> {
  readonly type: string;
}

/** What a stranger had when it went. */
export interface Had {
  readonly room: string;
  readonly seq: number;
  readonly cursor: string;
}

export interface Came {
  readonly events: number;
  /** Bytes of its frames. */
  readonly bytes: number;
  /** Handshakes and joins that were refused before. */
  readonly refused: number;
  /** What was wrong; null where nothing was. */
  readonly problem: string | null;
}

/** Joins each room and leaves at once. */
export function leaveRooms(url: string, token: string, rooms: readonly string[]): Promise<Had[]> {
  return Promise.all(
    rooms.map(async (room) => {
      const socket = await open(url, token);
      const frames: Frame[] = [];
      socket.on('message', (data) => frames.push(JSON.parse(data.toString()) as Frame));
      socket.send(JSON.stringify({ type: 'join', id: 1, room }));
      for (;;) {
        const live = frames.find(({ type }) => type === 'live');
        if (live !== undefined) {
          socket.terminate();
          return { room, seq: live.seq as number, cursor: live.cursor as string };
        }
        await once(socket, 'message');
      }
    }),
  );
}

/** All at once; a refused one comes again after a pause, as the SDK does. */
export function comeBack(urls: readonly string[], token: string, had: readonly Had[], count: number): Promise<Came[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const deadline = performance.now() + LIVE_WITHIN_MS;
      let refused = 0;
      for (;;) {
        try {
          const came = await tryOnce(urls[index % urls.length] as string, token, had[index % had.length] as Had);
          return { ...came, refused };
        } catch (error) {
          refused += 1;
          if (performance.now() > deadline) return { events: 0, bytes: 0, refused, problem: (error as Error).message };
          await delay(Math.random() * PAUSE_MS * Math.min(refused, 8));
        }
      }
    }),
  );
}

async function tryOnce(url: string, token: string, { room, seq, cursor }: Had): Promise<Omit<Came, 'refused'>> {
  const socket = await open(url, token);
  try {
    return await new Promise((resolve, reject) => {
      let last = seq;
      let events = 0;
      let bytes = 0;
      let problem: string | null = null;
      const timer = setTimeout(() => reject(new Error(`${room} was not live in time, at ${last}`)), LIVE_WITHIN_MS);
      const end = (outcome: () => void): void => {
        clearTimeout(timer);
        outcome();
      };
      const take = (frame: Frame): void => {
        if (frame.type === 'batch') for (const event of frame.events as Frame[]) take(event);
        else if (frame.type === 'event') {
          if (frame.seq !== last + 1) problem ??= `${room}: ${frame.seq} after ${last}`;
          last = frame.seq as number;
          events += 1;
        } else if (frame.type === 'gap') problem ??= `${room}: a gap from ${frame.from} to ${frame.to}`;
        else if (frame.type === 'joined' && frame.recovered !== true) problem ??= `${room}: not recovered`;
        else if (frame.type === 'error') end(() => reject(new Error(`${room}: ${frame.code}`)));
        else if (frame.type === 'live') {
          if (frame.seq !== last) problem ??= `${room}: live at ${frame.seq} behind ${last}`;
          end(() => resolve({ events, bytes, problem }));
        }
      };
      socket.on('close', (code) => end(() => reject(new Error(`${room}: closed with ${code}`))));
      socket.on('message', (data: Buffer) => {
        bytes += data.length;
        take(JSON.parse(data.toString()) as Frame);
      });
      socket.send(JSON.stringify({ type: 'join', id: 1, room, after: cursor }));
    });
  } finally {
    socket.terminate();
  }
}

async function open(url: string, token: string): Promise<WebSocket> {
  const socket = new WebSocket(url, ['roomlog.v1.json'], { perMessageDeflate: false });
  socket.on('error', () => {});
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('close', () => reject(new Error('refused')));
  });
  socket.send(JSON.stringify({ type: 'hello', token, batch: true }));
  return socket;
}
