import { expect, it } from 'vitest';
import type { RoomlogClientError } from './errors.ts';
import type { Gap, Live, RoomEvent } from './frames.ts';
import type { Presence } from './presence.ts';
import { event, gateway, joinedFrame, open, playGateways, until } from './testing/played-gateway.ts';

playGateways();

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
