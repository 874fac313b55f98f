/** Resuming over real sockets, Kafka and gateways: on another gateway, from every cursor, after a gateway died, when too slow. */
import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { gateway, kill, restart, restoreAll } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';
import { RoomClient, range } from './resume.fixture.ts';

let clients: RoomClient[] = [];
const connect = async (number: number, hello: object = {}): Promise<RoomClient> => {
  const client = await RoomClient.connect(gateway(number).ws, hello);
  clients.push(client);
  return client;
};
afterEach(async () => {
  for (const client of clients) client.close();
  clients = [];
  await restoreAll();
});
const roomName = (): string => `resume/${randomUUID()}`;

describe('a client that comes back', () => {
  it('goes on where it was, on another gateway, while events keep coming', async () => {
    const room = roomName();
    const publisher = await connect(1);
    let reader = await connect(2);
    await reader.join(room);
    const published = publisher.publishAll(room, 1, 400);
    const got: number[] = [];
    for (const number of [3, 1, 2, 3]) {
      await waitFor(() => reader.events(room).length >= 40);
      const at = reader.events(room);
      reader.close();
      got.push(...at.map(({ seq }) => seq as number));
      reader = await connect(number);
      const joined = await reader.join(room, { after: at.at(-1)?.cursor });
      expect(joined).toMatchObject({ type: 'joined', recovered: true });
    }
    await published;
    await reader.until(room, 400);
    got.push(...reader.seqs(room));
    expect(got).toEqual(range(1, 400));
    expect(reader.wire.all('live')).toHaveLength(1);
    expect(reader.wire.all('gap')).toEqual([]);
  });

  it('can use the cursor of any event, of live and of an empty room, on any gateway', async () => {
    const room = roomName();
    const publisher = await connect(1);
    const empty = await connect(1);
    await empty.join(room);
    const before = (await empty.wire.next('live')).cursor;
    await publisher.publishAll(room, 1, 30);
    await empty.until(room, 30);
    const live = await connect(2);
    await live.join(room, { after: 'start' });
    await live.until(room, 30);
    const cursors = [
      [before, 0],
      ...empty.events(room).map(({ cursor, seq }) => [cursor, seq] as const),
      [(await live.wire.next('live')).cursor, 30],
    ] as const;
    for (const number of [1, 2, 3]) {
      for (const [cursor, seq] of cursors) {
        const client = await connect(number);
        expect(await client.join(room, { after: cursor })).toMatchObject({ type: 'joined', seq: 30, recovered: true });
        await client.wire.next('live');
        expect(client.seqs(room)).toEqual(range(seq + 1, 30));
        client.close();
      }
    }
  });

  it('may start with the oldest, the newest N, or a time', async () => {
    const room = roomName();
    const publisher = await connect(1, { batch: true });
    await publisher.join(room);
    await publisher.publishAll(room, 1, 40);
    await publisher.until(room, 40);
    const times = publisher.events(room).map(({ time }) => time as number);
    const cases: ReadonlyArray<readonly [object, number[]]> = [
      [{ after: 'start' }, range(1, 40)],
      [{ last: 7 }, range(34, 40)],
      [{ last: 1_000 }, range(1, 40)],
      [{ since: times[20] }, range(times.indexOf(times[20] as number) + 1, 40)],
      [{ since: (times[39] as number) + 3_600_000 }, []],
      [{}, []],
    ];
    for (const [start, expected] of cases) {
      const client = await connect(3, { batch: true });
      expect(await client.join(room, start)).toMatchObject({ type: 'joined', seq: 40, recovered: false });
      await client.wire.next('live');
      expect(client.seqs(room), JSON.stringify(start)).toEqual(expected);
      client.close();
    }
  });

  it('is refused with a cursor that is not one of this room, and stays connected', async () => {
    const room = roomName();
    const other = roomName();
    const client = await connect(1);
    await client.join(room);
    await client.join(other);
    await client.publishAll(room, 1, 5);
    await client.publishAll(other, 1, 5);
    await client.until(room, 5);
    await client.until(other, 5);
    const foreign = await connect(2);
    const cursors = [
      ...client.events(other).map(({ cursor }) => cursor),
      'AAAA',
      'not a cursor',
      '',
      'A'.repeat(4_000),
    ];
    for (const after of cursors) {
      expect(await foreign.join(room, { after }), `${after}`).toMatchObject({ type: 'error', code: 'cursor_invalid' });
    }
    expect(await foreign.join(room, { after: client.events(room)[1]?.cursor })).toMatchObject({ type: 'joined' });
    await foreign.until(room, 5);
    expect(foreign.seqs(room)).toEqual([3, 4, 5]);
  });
});

describe('a gateway that dies', () => {
  it('costs its clients nothing that they can not have elsewhere, and gives it all again after a restart', async () => {
    const room = roomName();
    const publisher = await connect(1);
    const reader = await connect(2);
    await reader.join(room);
    await publisher.publishAll(room, 1, 50);
    await reader.until(room, 50);
    const cursor = reader.events(room)[24]?.cursor;
    await kill('gateway-2');
    await waitFor(() => reader.wire.closed !== null);
    await publisher.publishAll(room, 51, 100);
    const elsewhere = await connect(3);
    await elsewhere.join(room, { after: cursor });
    await elsewhere.until(room, 100);
    expect(elsewhere.seqs(room)).toEqual(range(26, 100));
    await restart('gateway-2');
    const again = await connect(2);
    expect(await again.join(room, { after: cursor })).toMatchObject({ recovered: true, seq: 100 });
    await again.until(room, 100);
    expect(again.seqs(room)).toEqual(range(26, 100));
  }, 120_000);
});

describe('a slow client', () => {
  it('misses nothing, and holds nobody up', async () => {
    const room = roomName();
    const publisher = await connect(1);
    const quick = await connect(2);
    const slow = await connect(2);
    await quick.join(room);
    await slow.join(room);
    await slow.wire.next('live');
    slow.wire.socket.pause();
    // More than the kernel hides, the connection's limit and the hot ring together.
    const blob = 'x'.repeat(50_000);
    await publisher.publishAll(room, 1, 400, (pub) => ({ pub, blob }));
    await quick.until(room, 400, 30_000);
    expect(slow.seqs(room).length).toBeLessThan(400);
    slow.wire.socket.resume();
    await slow.until(room, 400, 30_000);
    await publisher.publishAll(room, 401, 410);
    await slow.until(room, 410);
    expect(slow.seqs(room)).toEqual(range(1, 410));
    expect(slow.wire.all('gap')).toEqual([]);
    expect(slow.wire.all('live')).toHaveLength(1);
    const metrics = await (await fetch(`${gateway(2).admin}/metrics`)).text();
    expect(metrics).toMatch(/^roomlog_slow_clients_total\{[^}]*policy="catch-up"[^}]*\} [1-9]/m);
  }, 120_000);
});
