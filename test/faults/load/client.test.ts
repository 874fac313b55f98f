import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ScriptedGateway } from '../../../client/testing/scripted-gateway.ts';
import { type HistoryLine, parseHistory } from '../../checker/history.ts';
import { LoadClient, type Tally } from './client.ts';
import { Recorder } from './recorder.ts';

const ROOM = 'room/0';
let dir: string;
let gateway: ScriptedGateway;
let recorder: Recorder;
let tally: Tally;
let client: LoadClient | null;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'roomlog-load-'));
  gateway = await ScriptedGateway.start();
  recorder = new Recorder('test', join(dir, 'history.jsonl'));
  tally = {
    ...{ published: 0, acked: 0, delivered: 0, ackedSentAt: [0], ackedAt: [0] },
    ...{ errors: {}, closes: {}, problems: [] },
  };
  client = null;
});
afterEach(async () => {
  await client?.sdk.close();
  recorder.close();
  await gateway.stop();
  rmSync(dir, { recursive: true, force: true });
});

function open(view: 'wire' | 'sdk'): LoadClient {
  const joins = [{ room: ROOM, from: 'start' as const, presence: false }];
  const plan = { name: 'c', user: 'u', token: 't', joins, publishes: [ROOM], view };
  client = new LoadClient(plan, () => gateway.url, 1, recorder, tally);
  return client;
}

function history(): HistoryLine[] {
  recorder.close();
  return parseHistory(readFileSync(join(dir, 'history.jsonl'), 'utf8'));
}

const event = (seq: number) => ({
  ...{ type: 'event', room: ROOM, seq, cursor: `at-${seq}`, time: 1, user: 'u', event: 'e', data: seq },
});
const joined = (id: number | undefined) => ({ type: 'joined', id, room: ROOM, seq: 0, cursor: '', recovered: true });

/** Two events, a cut, a resume at the second, and a gateway that sends the second once more. */
async function repeatAfterResume(view: 'wire' | 'sdk'): Promise<HistoryLine[]> {
  const own = open(view);
  void own.join();
  const first = (await gateway.welcome()).peer;
  first.send(joined((await first.next('join')).id));
  first.send(event(1));
  first.send(event(2));
  await vi.waitFor(() => expect(own.behind({ [ROOM]: 2 })).toEqual([]));
  first.cut();
  const second = (await gateway.welcome()).peer;
  const join = await second.next('join');
  expect(join.after).toBe('at-2');
  second.send(joined(join.id));
  second.send(event(2));
  second.send(event(3));
  await vi.waitFor(() => expect(own.behind({ [ROOM]: 3 })).toEqual([]));
  return history();
}

describe('the history of a load client', () => {
  it('has joins, resumes with the seq of their cursor, closes, and what the wire brought: also a repeat', async () => {
    const lines = await repeatAfterResume('wire');
    expect(lines.map((line) => [line.type, 'seq' in line ? line.seq : null])).toEqual([
      ['join', null],
      ['delivery', 1],
      ['delivery', 2],
      ['close', null],
      ['resume', 2],
      ['delivery', 2],
      ['delivery', 3],
    ]);
    expect(lines[0]).toMatchObject({ from: 0 });
    expect(tally.problems).toEqual([]);
  });

  it('has what reached the application where that is asked for', async () => {
    const lines = await repeatAfterResume('sdk');
    const deliveries = lines.filter((line) => line.type === 'delivery');
    expect(deliveries.map((line) => line.seq)).toEqual([1, 2, 3]);
  });

  it('has a publish once, however often it is sent, and again under another name in a new session', async () => {
    const own = open('wire');
    const first = (await gateway.welcome('session-1')).peer;
    own.publish();
    await first.next('publish');
    first.cut();
    const second = (await gateway.welcome('session-1')).peer;
    const again = await second.next('publish');
    // The session is gone: the SDK begins a new one, where this publish may not be sent again, as it is in doubt.
    second.send({ type: 'error', id: again.id, room: ROOM, code: 'session_unknown', message: 'gone' });
    // Nobody takes this any more.
    second.send(event(9));
    const third = (await gateway.welcome('session-2')).peer;
    own.publish();
    const fresh = await third.next('publish');
    third.send({ type: 'ack', id: fresh.id, room: ROOM, pub: 1, seq: 7, cursor: 'x' });
    await vi.waitFor(() => expect(tally.acked).toBe(1));
    const lines = history();
    expect(lines.filter((line) => line.type === 'delivery')).toEqual([]);
    const publishes = lines.filter((line) => line.type === 'publish');
    expect(publishes.map(({ session, pub }) => [session, pub])).toEqual([
      ['session-1', 1],
      ['session-2', 1],
    ]);
    expect(new Set(publishes.map(({ op }) => op)).size).toBe(2);
    expect(lines.filter((line) => line.type === 'ack')).toMatchObject([{ op: publishes[1]?.op, seq: 7 }]);
    const errors = lines.filter((line) => line.type === 'error');
    expect(errors.every(({ final }) => !final)).toBe(true);
  });
});
