import { expect, it } from 'vitest';
import { gateway, open, playGateways, until } from './testing/played-gateway.ts';

playGateways();

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
