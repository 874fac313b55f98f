import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket as NodeWebSocket } from 'ws';
import { connect, type RoomlogClient } from './client.ts';
import type { WebSocketConstructor } from './connection.ts';
import type { RoomlogClientError } from './errors.ts';
import type { Gap, Live, RoomEvent } from './frames.ts';
import type { ClientOptions, ClientState } from './options.ts';
import type { Presence } from './presence.ts';
import { ScriptedGateway } from './testing/scripted-gateway.ts';

let gateway: ScriptedGateway;
beforeEach(async () => {
  gateway = await ScriptedGateway.start();
});
afterEach(() => gateway.stop());

function open(options: Partial<ClientOptions> = {}): RoomlogClient & { states: ClientState[] } {
  const client = connect({
    url: gateway.url,
    token: 'a token',
    backoff: { minMs: 2, maxMs: 10 },
    webSocket: NodeWebSocket as unknown as WebSocketConstructor,
    ...options,
  });
  const states: ClientState[] = [];
  client.on('state', (state) => states.push(state));
  onTestFinished(() => client.close());
  return Object.assign(client, { states });
}

const event = (seq: number, room = 'r') => ({
  type: 'event',
  room,
  seq,
  cursor: `c${seq}`,
  time: 1_000 + seq,
  user: 'bob',
  event: 'say',
  data: { n: seq },
});

const joinedFrame = (id: number | undefined, seq = 0, room = 'r') => ({
  type: 'joined',
  id,
  room,
  seq,
  cursor: `head${seq}`,
  recovered: true,
});

/** Resolves as soon as `condition` holds, looking after every turn of the event loop. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

describe('connecting', () => {
  it('offers the JSON subprotocol and says hello with the token, without a session', async () => {
    const client = open();
    const { hello } = await gateway.welcome();
    expect(hello).toEqual({ type: 'hello', token: 'a token', batch: true });
    await client.ready();
    expect(client.states.map(({ state }) => state)).toEqual(['connecting', 'open']);
  });

  it('works with the global WebSocket of Node', async () => {
    const client = open({ webSocket: globalThis.WebSocket as unknown as WebSocketConstructor });
    await gateway.welcome();
    await client.ready();
  });

  it('comes back with the same session after the connection was cut', async () => {
    open();
    const first = await gateway.welcome('s-7');
    first.peer.cut();
    const { hello } = await gateway.welcome('s-7');
    expect(hello.session).toBe('s-7');
  });

  it('waits as long as a reconnect frame says before it comes back after 1012', async () => {
    const client = open();
    const { peer } = await gateway.welcome();
    peer.send({ type: 'reconnect', delay: 7, reason: 'drain' });
    peer.close(1012);
    await gateway.welcome();
    expect(client.states).toContainEqual({ state: 'waiting', waitMs: 7, closeCode: 1012, reason: '' });
  });

  it.each([1013, 4408, 4429, 1011])(
    'comes back after %i',
    async (code) => {
      open({ backoff: { minMs: 1, maxMs: 2, random: () => 0 } });
      const { peer } = await gateway.welcome();
      peer.close(code);
      await gateway.accept();
    },
    10_000,
  );

  it.each([1003, 1008, 1009, 4406, 4403, 4401])('stops with an error after %i with a fixed token', async (code) => {
    const client = open();
    const { peer } = await gateway.welcome();
    await client.ready();
    peer.close(code, 'because');
    await until(() => client.state.state === 'closed');
    expect(client.state).toMatchObject({ error: { details: { closeCode: code } } });
    await expect(client.publish('r', 'e', 1)).rejects.toMatchObject({ details: { closeCode: code } });
    expect(gateway.connections).toBe(1);
  });

  it.each([1000, 1001])('ends without an error after %i', async (code) => {
    const client = open();
    const { peer } = await gateway.welcome();
    peer.close(code);
    await until(() => client.state.state === 'closed');
    expect(client.state).toEqual({ state: 'closed', error: null });
  });

  it('asks its token function again after 4401, and only then', async () => {
    let asked = 0;
    open({
      token: async () => {
        asked += 1;
        return `token ${asked}`;
      },
    });
    const first = await gateway.welcome();
    first.peer.cut();
    const second = await gateway.welcome();
    expect(second.hello.token).toBe('token 1');
    second.peer.close(4401);
    const third = await gateway.welcome();
    expect(third.hello.token).toBe('token 2');
  });

  it('stops when new tokens are refused again and again', async () => {
    const client = open({ token: () => 'bad', backoff: { minMs: 1, maxMs: 2 } });
    while (client.state.state !== 'closed') {
      const peer = await Promise.race([gateway.accept(), until(() => client.state.state === 'closed')]);
      if (peer) peer.close(4401);
    }
    expect(client.state.error).toMatchObject({ code: 'unauthorized' });
    expect(gateway.connections).toBe(6);
  });

  it('tries again when the token function fails', async () => {
    let asked = 0;
    const client = open({
      token: () => {
        asked += 1;
        if (asked === 1) throw new Error('no network');
        return 'fine';
      },
    });
    const errors: RoomlogClientError[] = [];
    client.on('error', (error) => errors.push(error));
    const { hello } = await gateway.welcome();
    expect(hello.token).toBe('fine');
    expect(errors.map(({ code }) => code)).toEqual(['token_unavailable']);
  });

  it('gives up a gateway that is silent after the ping, and connects again', async () => {
    const client = open({ pongTimeoutMs: 20 });
    const { peer } = await gateway.welcome('s-1', { heartbeat: 20 });
    expect((await peer.next()).type).toBe('ping');
    await gateway.welcome('s-1');
    expect(client.states).toContainEqual(expect.objectContaining({ state: 'waiting', closeCode: 4408 }));
  });

  it('stays while pongs come', async () => {
    const client = open({ pongTimeoutMs: 1_000 });
    const { peer } = await gateway.welcome('s-1', { heartbeat: 5 });
    for (let count = 0; count < 5; count += 1) peer.send({ type: 'pong', id: (await peer.next('ping')).id });
    expect(client.state.state).toBe('open');
    expect(gateway.connections).toBe(1);
  });

  it('gives up a gateway that never welcomes', async () => {
    open({ connectTimeoutMs: 20 });
    await gateway.accept();
    await gateway.welcome();
  });

  it('does not connect again after close()', async () => {
    const client = open();
    const { peer } = await gateway.welcome();
    await client.ready();
    await client.close();
    await peer.gone();
    expect(client.state).toEqual({ state: 'closed', error: null });
    expect(gateway.connections).toBe(1);
  });
});

describe('publishing', () => {
  it('numbers by room, and resolves with what the gateway acked', async () => {
    const client = open();
    const { peer } = await gateway.welcome();
    const first = client.publish('a', 'say', { x: 1 }, { ttl: 5_000 });
    const other = client.publish('b', 'say', 'y');
    expect(await peer.next()).toMatchObject({ type: 'publish', room: 'a', pub: 1, event: 'say', data: { x: 1 } });
    const frame = await peer.next();
    expect(frame).toMatchObject({ room: 'b', pub: 1, data: 'y' });
    peer.send({ type: 'ack', id: 1, room: 'a', pub: 1, seq: 9, cursor: 'c9' });
    peer.send({ type: 'ack', id: frame.id, room: 'b', pub: 1, duplicate: true });
    expect(await first).toEqual({ seq: 9, cursor: 'c9', duplicate: false });
    expect(await other).toEqual({ duplicate: true });
    await client.flush();
    expect(client.pending).toBe(0);
  });

  it('sends every unanswered publish again after a reconnect, in order, with the same numbers and session', async () => {
    const client = open();
    const { peer } = await gateway.welcome('s-1');
    const all = [1, 2, 3].map((n) => client.publish('r', 'e', n));
    const id = (await peer.next()).id;
    await peer.next();
    await peer.next();
    peer.send({ type: 'ack', id, room: 'r', pub: 1, seq: 1, cursor: 'c1' });
    await all[0];
    peer.cut();
    await until(() => client.state.state !== 'open');
    all.push(client.publish('r', 'e', 4));
    const again = await gateway.welcome('s-1');
    expect(again.hello.session).toBe('s-1');
    for (const n of [2, 3, 4]) {
      const frame = await again.peer.next('publish');
      expect(frame).toMatchObject({ pub: n, data: n });
      again.peer.send({ type: 'ack', id: frame.id, room: 'r', pub: n, seq: n, cursor: `c${n}`, duplicate: n === 2 });
    }
    expect((await Promise.all(all)).map(({ duplicate }) => duplicate)).toEqual([false, true, false, false]);
    expect(client.resent).toBe(2);
  });

  it('starts a new session, by a hello without one, when its session is unknown', async () => {
    const client = open();
    const { peer } = await gateway.welcome('s-old');
    const published = client.publish('r', 'e', 1);
    peer.send({ type: 'error', id: (await peer.next()).id, room: 'r', code: 'session_unknown', message: 'expired' });
    const fresh = await gateway.welcome('s-new');
    expect(fresh.hello.session).toBeUndefined();
    const frame = await fresh.peer.next('publish');
    expect(frame).toMatchObject({ pub: 1, data: 1 });
    fresh.peer.send({ type: 'ack', id: frame.id, room: 'r', pub: 1, seq: 5, cursor: 'c5' });
    expect(await published).toMatchObject({ seq: 5 });
  });

  it('rejects what may have been sequenced when the gateway does not take the session back', async () => {
    const client = open();
    const { peer } = await gateway.welcome('s-old');
    const doubtful = client.publish('r', 'e', 1);
    doubtful.catch(() => {});
    await peer.next('publish');
    peer.cut();
    await gateway.welcome('s-new');
    await expect(doubtful).rejects.toMatchObject({ code: 'outcome_unknown', details: { outcome: 'unknown' } });
  });

  it('rotates the session after half of its age, once nothing is unanswered', async () => {
    const client = open();
    const time = Date.now();
    const { peer } = await gateway.welcome('s-1', { sessionExpires: time, time });
    await client.ready();
    const published = client.publish('r', 'e', 1);
    const fresh = await gateway.welcome('s-2');
    await peer.gone();
    expect(fresh.hello.session).toBeUndefined();
    const frame = await fresh.peer.next('publish');
    expect(frame.pub).toBe(1);
    fresh.peer.send({ type: 'ack', id: frame.id, room: 'r', pub: 1, seq: 1, cursor: 'c1' });
    await published;
  });

  it('holds back after rate_limited, then sends the same number again', async () => {
    const client = open();
    const { peer } = await gateway.welcome();
    const published = client.publish('r', 'e', 1);
    const first = await peer.next('publish');
    peer.send({ type: 'error', id: first.id, room: 'r', code: 'rate_limited', message: 'slow', retryAfter: 5 });
    const second = await peer.next('publish');
    expect(second).toMatchObject({ pub: 1, data: 1 });
    peer.send({ type: 'ack', id: second.id, room: 'r', pub: 1, seq: 1, cursor: 'c1' });
    await published;
  });

  it('refuses what is larger than the gateway takes, without using a number', async () => {
    const client = open();
    const { peer } = await gateway.welcome('s-1', { maxFrame: 300 });
    await expect(client.publish('r', 'e', 'x'.repeat(300))).rejects.toMatchObject({ code: 'too_large' });
    void client.publish('r', 'e', 'small').catch(() => {});
    expect(await peer.next('publish')).toMatchObject({ pub: 1, data: 'small' });
  });

  it('rejects at once when too many wait, and everything left when it is closed', async () => {
    const client = open({ maxQueuedPublishes: 2 });
    const waiting = [client.publish('r', 'e', 1), client.publish('r', 'e', 2)];
    await expect(client.publish('r', 'e', 3)).rejects.toMatchObject({ code: 'queue_full', retryable: true });
    await client.close();
    for (const one of await Promise.allSettled(waiting)) expect(one.status).toBe('rejected');
  });

  it('sends ephemeral events once and without a number', async () => {
    const client = open();
    await expect(client.publish('r', 'typing', true, { ephemeral: true })).rejects.toMatchObject({
      code: 'not_connected',
    });
    const { peer } = await gateway.welcome();
    await client.ready();
    const sent = client.publish('r', 'typing', true, { ephemeral: true });
    const frame = await peer.next('publish');
    expect(frame).toEqual({ type: 'publish', id: 1, room: 'r', event: 'typing', ephemeral: true, data: true });
    peer.send({ type: 'ack', id: 1, room: 'r' });
    await sent;
    const lost = client.publish('r', 'typing', true, { ephemeral: true });
    lost.catch(() => {});
    await peer.next('publish');
    peer.cut();
    await expect(lost).rejects.toMatchObject({ code: 'connection_lost' });
  });
});

describe('joining', () => {
  it('hands over each event once and in order, and resumes from the last one handled', async () => {
    const client = open();
    const events: number[] = [];
    const lives: Live[] = [];
    const joining = client.join('r', { last: 2, onEvent: ({ seq }) => events.push(seq), onLive: (l) => lives.push(l) });
    const { peer } = await gateway.welcome();
    const join = await peer.next('join');
    expect(join).toMatchObject({ room: 'r', last: 2 });
    peer.send(joinedFrame(join.id, 5));
    peer.send({ type: 'batch', events: [event(4), event(5)] });
    peer.send({ type: 'live', room: 'r', seq: 5, cursor: 'c5' });
    peer.send(event(6));
    const room = await joining;
    await until(() => events.length === 3);
    expect(room.cursor).toBe('c6');
    peer.cut();
    const again = await gateway.welcome();
    const rejoin = await again.peer.next('join');
    expect(rejoin).toMatchObject({ room: 'r', after: 'c6' });
    expect(rejoin.last).toBeUndefined();
    again.peer.send(joinedFrame(rejoin.id, 7));
    again.peer.send(event(6));
    again.peer.send(event(7));
    again.peer.send({ type: 'live', room: 'r', seq: 7, cursor: 'c7' });
    await until(() => lives.length === 2);
    expect(events).toEqual([4, 5, 6, 7]);
  });

  it('never resumes from joined.cursor before live', async () => {
    const client = open();
    void client.join('r', { onEvent: () => {} });
    const { peer } = await gateway.welcome();
    peer.send(joinedFrame((await peer.next('join')).id, 5));
    peer.cut();
    const again = await gateway.welcome();
    expect(await again.peer.next('join')).not.toHaveProperty('after');
  });

  it('tells gaps, and goes on behind them', async () => {
    const client = open();
    const gaps: Gap[] = [];
    const events: RoomEvent[] = [];
    const errors: RoomlogClientError[] = [];
    client.on('error', (error) => errors.push(error));
    void client.join('r', { after: 'c1', onEvent: (e) => events.push(e), onGap: (gap) => gaps.push(gap) });
    const { peer } = await gateway.welcome();
    peer.send(joinedFrame((await peer.next('join')).id, 9));
    peer.send({ type: 'gap', room: 'r', from: 2, to: 7, cursor: 'c7', reason: 'retention' });
    peer.send(event(8));
    await until(() => events.length === 1);
    expect(gaps).toMatchObject([{ from: 2, to: 7, reason: 'retention' }]);
    expect(errors).toEqual([]);
  });

  it('reports a hole that no gap announced', async () => {
    const client = open();
    const errors: RoomlogClientError[] = [];
    client.on('error', (error) => errors.push(error));
    void client.join('r', { onEvent: () => {} });
    const { peer } = await gateway.welcome();
    peer.send(joinedFrame((await peer.next('join')).id, 1));
    peer.send({ type: 'live', room: 'r', seq: 1, cursor: 'c1' });
    peer.send(event(3));
    await until(() => errors.length === 1);
    expect(errors[0]).toMatchObject({ code: 'hole', message: expect.stringContaining('2 to 2') });
  });

  it('rejects a refused join and goes on with other rooms', async () => {
    const client = open();
    const refused = client.join('secret');
    const { peer } = await gateway.welcome();
    peer.send({ type: 'error', id: (await peer.next('join')).id, room: 'secret', code: 'forbidden', message: 'no' });
    await expect(refused).rejects.toMatchObject({ code: 'forbidden', retryable: false });
    const fine = client.join('r');
    peer.send(joinedFrame((await peer.next('join')).id));
    expect((await fine).name).toBe('r');
  });

  it('tries a join again that is not possible just now', async () => {
    const client = open();
    const joining = client.join('r');
    const { peer } = await gateway.welcome();
    const refusal = { room: 'r', code: 'unavailable', message: 'later', retryAfter: 2 };
    peer.send({ type: 'error', id: (await peer.next('join')).id, ...refusal });
    peer.send(joinedFrame((await peer.next('join')).id));
    await joining;
  });

  it('is iterated, and ends the loop when the room is left', async () => {
    const client = open();
    const joining = client.join('r', { after: 'start' });
    const { peer } = await gateway.welcome();
    peer.send(joinedFrame((await peer.next('join')).id));
    for (const seq of [1, 2, 3]) peer.send(event(seq));
    const room = await joining;
    const seen: number[] = [];
    for await (const { seq } of room) {
      seen.push(seq);
      if (seq === 3) room.leave();
    }
    expect(seen).toEqual([1, 2, 3]);
    expect(await peer.next('leave')).toMatchObject({ room: 'r' });
  });

  it('leaves a room whose reader is slow, and comes back to where it was', async () => {
    const client = open({ maxBufferedEvents: 4 });
    const joining = client.join('r', { after: 'start' });
    const { peer } = await gateway.welcome();
    peer.send(joinedFrame((await peer.next('join')).id));
    for (const seq of [1, 2, 3, 4, 5, 6]) peer.send(event(seq));
    const room = await joining;
    await peer.next('leave');
    const seen: number[] = [];
    const reading = (async () => {
      for await (const { seq } of room) {
        seen.push(seq);
        if (seq === 6) return;
      }
    })();
    const rejoin = await peer.next('join');
    expect(rejoin).toMatchObject({ after: 'c4' });
    peer.send(joinedFrame(rejoin.id));
    for (const seq of [5, 6]) peer.send(event(seq));
    await reading;
    expect(seen).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('keeps a list of members by diffs, and asks again when it missed one', async () => {
    const client = open();
    const seen: Presence[] = [];
    void client.join('r', { presence: true, meta: { name: 'A' }, onEvent: () => {}, onPresence: (p) => seen.push(p) });
    const { peer } = await gateway.welcome();
    const join = await peer.next('join');
    expect(join).toMatchObject({ presence: true, meta: { name: 'A' } });
    const member = (name: string) => ({ user: name, connection: name, since: 1 });
    const count = (presence: Presence | undefined) => [presence?.version, presence?.count, presence?.members.length];
    peer.send({ ...joinedFrame(join.id), members: [member('a')] });
    const ask = await peer.next('presence');
    peer.send({ type: 'members', id: ask.id, room: 'r', version: 4, members: [member('a')], count: 1 });
    peer.send({ type: 'presence', room: 'r', version: 5, joined: [member('b'), member('c')], left: [] });
    peer.send({ type: 'presence', room: 'r', version: 7, joined: [], left: [member('b')] });
    const again = await peer.next('presence');
    expect(seen.map(count)).toEqual([
      [4, 1, 1],
      [5, 3, 3],
    ]);
    peer.send({ type: 'members', id: again.id, room: 'r', version: 7, members: [member('a')], count: 1 });
    await until(() => seen.length === 3);
    expect(count(seen[2])).toEqual([7, 1, 1]);
  });
});
