/**
 * Case 14: strangers send oversized, invalid and unauthorised frames to every gateway, while everybody else goes on. Each gets the answer
 * that docs/protocol.md has for it, and no process dies of one. (test/unit/edge has all rows of it; here it is the real processes under load.)
 */
import { WebSocket } from 'ws';
import { waitFor } from '../../support/wait-for.ts';
import type { FaultCase } from '../case.ts';
import type { World } from '../world.ts';

const ANSWER_WITHIN_MS = 15_000;
const MAX_FRAME_BYTES = 65_536;
const FLOOD_FRAMES = 2_000;

type Frame = Record<string, unknown> & { readonly type: string };

/** What a stranger sends behind a good hello (or in its place), and what must come of it. */
interface Offence {
  readonly what: string;
  readonly send: ReadonlyArray<string | Buffer>;
  /** Says no hello first. */
  readonly silent?: boolean;
  /** The error frame's code; absent: none is asked for. */
  readonly error?: string;
  /** The close code; absent: the connection stays open. */
  readonly close?: number;
}

const publish = (fields: object): string =>
  JSON.stringify({ type: 'publish', id: 7, room: 'allowed/a', event: 'e', data: 1, ...fields });

const OFFENCES: readonly Offence[] = [
  { what: 'a frame over the limit', send: [`"${'x'.repeat(MAX_FRAME_BYTES)}"`], close: 1009 },
  { what: 'a binary frame', send: [Buffer.from([0, 1, 2])], close: 1003 },
  { what: 'no JSON', send: ['{"type":'], error: 'bad_frame' },
  { what: 'brackets without end', send: ['['.repeat(60_000)], error: 'bad_frame' },
  { what: 'an unknown type', send: ['{"type":"dance","id":7}'], error: 'bad_frame' },
  { what: 'a type in __proto__', send: ['{"__proto__":{"type":"ping"},"id":7}'], error: 'bad_frame' },
  { what: 'a pub of 0', send: [publish({ pub: 0 })], error: 'bad_frame' },
  { what: 'ten bad frames', send: Array.from({ length: 10 }, () => '{'), error: 'bad_frame', close: 1008 },
  { what: 'a second hello', send: ['{"type":"hello","token":"x"}'], close: 1008 },
  { what: 'a join of a foreign room', send: ['{"type":"join","id":7,"room":"room/0"}'], error: 'forbidden' },
  { what: 'a publish to a foreign room', send: [publish({ room: 'room/0' })], error: 'forbidden' },
  { what: 'a room that is none', send: [publish({ room: '' })], error: 'invalid_room' },
  {
    what: 'a forged cursor',
    send: ['{"type":"join","id":7,"room":"allowed/a","after":"zzzz"}'],
    error: 'cursor_invalid',
  },
  { what: 'a token that is none', silent: true, send: ['{"type":"hello","token":"no.token.at-all"}'], close: 4401 },
  { what: 'a command before hello', silent: true, send: ['{"type":"ping","id":7}'], close: 1008 },
  { what: 'a flood of rubbish', send: Array.from({ length: FLOOD_FRAMES }, (_, n) => `rubbish ${n}`), close: 1008 },
];

export const badFrames: FaultCase = {
  number: 14,
  name: 'oversized, invalid, unauthorised frames',
  seconds: 20,
  async run(world) {
    const { roomlog, processes } = world;
    const token = await strangersToken(world);
    let offences = 0;
    await world.repeat(async () => {
      await world.fault({
        name: 'bad-frames',
        async make() {
          const before = await errors(world);
          for (const url of roomlog.urls()) {
            const found = await Promise.all(OFFENCES.map((offence) => judge(url, token, offence)));
            world.problems.push(...found.filter((problem) => problem !== null));
            offences += OFFENCES.length;
          }
          if ((await errors(world)) === before) world.problems.push('no gateway counted an error');
        },
        seen: () => roomlog.gateways.every((name) => processes.isAlive(name)) && `${offences} strangers answered`,
        recovery: 'begin',
      });
    });
    world.notes.push(`${offences} offences of ${OFFENCES.length} kinds, each with its answer`);
  },
};

/** Signed as any other, but for rooms that nobody of the load is in. */
function strangersToken(world: World): Promise<string> {
  return world.roomlog.tokenFor('stranger', [{ pattern: 'allowed/**', allow: ['join', 'publish'] }]);
}

const errors = (world: World): Promise<number> => world.metrics(world.roomlog.gateways, 'roomlog_errors_total');

/** What was wrong with the answer; null where nothing was. */
async function judge(url: string, token: string, offence: Offence): Promise<string | null> {
  const { what, send, silent, error, close } = offence;
  const socket = new WebSocket(url, ['roomlog.v1.json']);
  const frames: Frame[] = [];
  let closed: number | null = null;
  socket.on('message', (data) => frames.push(JSON.parse(data.toString()) as Frame));
  socket.on('close', (code) => {
    closed = code;
  });
  socket.on('error', () => {});
  try {
    await waitFor(() => socket.readyState === WebSocket.OPEN, { what: 'the upgrade', withinMs: ANSWER_WITHIN_MS });
    if (!silent) {
      socket.send(JSON.stringify({ type: 'hello', token }));
      await waitFor(() => frames.some(({ type }) => type === 'welcome'), {
        what: 'the welcome',
        withinMs: ANSWER_WITHIN_MS,
      });
    }
    for (const frame of send) socket.send(frame, { binary: Buffer.isBuffer(frame) });
    const told = () => error === undefined || frames.some((frame) => frame.type === 'error' && frame.code === error);
    await waitFor(() => told() && (close === undefined || closed !== null), {
      what: `the answer to ${what}`,
      withinMs: ANSWER_WITHIN_MS,
    });
    if (close === undefined && closed !== null) return `${what}: closed with ${closed}, and should stay open`;
    if (close !== undefined && closed !== close) return `${what}: closed with ${closed} instead of ${close}`;
    return null;
  } catch (problem) {
    const last = JSON.stringify(frames.slice(-2)).slice(0, 300);
    return `${what} at ${url}: ${(problem as Error).message}; closed ${closed}, last ${last}`;
  } finally {
    socket.terminate();
  }
}
