/** Before `welcome`: upgrades, origins, subprotocols, where the token comes from, time-outs. */
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MemoryGateway } from '../../support/memory-gateway.ts';
import { refused } from '../../support/refused-upgrade.ts';
import { WireClient } from '../../support/wire-client.ts';

const ORIGIN = 'https://app.example';
let gateway: MemoryGateway;
let token: string;

beforeAll(async () => {
  gateway = await MemoryGateway.start({ auth: { allowedOrigins: [ORIGIN], cookie: 'roomlog' } });
  token = await gateway.token();
});
afterAll(() => gateway.stop());

const open = async (headers: Record<string, string> = {}, protocols: string[] = [], query = ''): Promise<WireClient> =>
  gateway.track(await WireClient.open(`${gateway.ws}${query}`, protocols, { headers }));

const path = (rest: string): string => `${gateway.running.url}${rest}`;

describe('welcome', () => {
  test('says what a client needs to know', async () => {
    const before = Date.now();
    const client = await open();
    client.send({ type: 'hello', token });
    const welcome = await client.next('welcome');
    expect(welcome).toEqual({
      type: 'welcome',
      connection: expect.stringMatching(/^[\w-]{16}$/),
      gateway: 'gateway-1',
      user: 'alice',
      session: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
      sessionExpires: expect.any(Number),
      heartbeat: 30_000,
      maxFrame: 65_536,
      expires: expect.any(Number),
      time: expect.any(Number),
    });
    expect(welcome.time).toBeGreaterThanOrEqual(before);
    expect((welcome.sessionExpires as number) - (welcome.time as number)).toBeGreaterThan(86_399_000);
  });

  test('takes a session of an earlier welcome up again, on any connection', async () => {
    const first = await gateway.client();
    const session = first.frames[0]?.session;
    const second = await gateway.client('alice', { session });
    expect(second.frames[0]?.session).toBe(session);
    expect(second.frames[0]?.sessionExpires).toBe(first.frames[0]?.sessionExpires);
    expect(second.frames[0]?.connection).not.toBe(first.frames[0]?.connection);
    const third = await gateway.client('bob', { session });
    expect(third.frames[0]).toMatchObject({ user: 'bob', session });
  });

  test('answers each entry of rooms after it, alone', async () => {
    const client = await open();
    const rooms = [
      { id: 1, room: 'a' },
      { id: 2, room: 'b', last: 1, since: 1 },
      { id: 3, room: '' },
      'nonsense',
      { room: 'c' },
      { id: 1, room: 'd' },
      { id: 6, room: 'e', after: 'start' },
    ];
    client.send({ type: 'hello', token, rooms });
    expect(await client.answer(6)).toMatchObject({ type: 'joined', room: 'e' });
    expect(await client.find((frame) => frame.type === 'joined' && frame.id === 1)).toMatchObject({ room: 'a' });
    expect(client.frames[0]?.type).toBe('welcome');
    expect(client.all('error')).toMatchObject([
      { code: 'bad_frame', id: 2 },
      { code: 'invalid_room', id: 3 },
      { code: 'bad_frame', path: 'rooms' },
      { code: 'bad_frame', path: 'id' },
      { code: 'bad_frame', id: 1 },
    ]);
  });

  test('is not waited for by a hasty client: frames behind hello are handled in order', async () => {
    const client = await open();
    client.send({ type: 'hello', token });
    client.send({ type: 'join', id: 1, room: 'hasty' });
    client.send({ type: 'publish', id: 2, room: 'hasty', event: 'e', data: 1 });
    client.send({ type: 'ping', id: 3 });
    expect(await client.answer(2)).toMatchObject({ type: 'ack' });
    expect(await client.answer(3)).toMatchObject({ type: 'pong' });
    expect(client.frames[0]?.type).toBe('welcome');
  });
});

describe('the token', () => {
  test('of Authorization is taken where hello has none', async () => {
    const client = await open({ Authorization: `Bearer ${token}` });
    client.send({ type: 'hello' });
    expect(await client.next('welcome')).toMatchObject({ user: 'alice' });
  });

  test('of hello wins over Authorization, and that over a cookie', async () => {
    const bearer = `Bearer ${await gateway.token('bearer')}`;
    const cookie = `x=1; roomlog=${await gateway.token('cookie')}`;
    const all = { Authorization: bearer, Cookie: cookie, Origin: ORIGIN };
    const hello = await open(all);
    hello.send({ type: 'hello', token });
    expect(await hello.next('welcome')).toMatchObject({ user: 'alice' });
    const without = await open(all);
    without.send({ type: 'hello' });
    expect(await without.next('welcome')).toMatchObject({ user: 'bearer' });
    const cookieOnly = await open({ Cookie: cookie, Origin: ORIGIN });
    cookieOnly.send({ type: 'hello' });
    expect(await cookieOnly.next('welcome')).toMatchObject({ user: 'cookie' });
  });

  test('in the URL is refused with 400, also an empty one', async () => {
    for (const query of [`?token=${token}`, '?affinity=1&token=', '?token']) {
      expect(await refused(path(`/v1/ws${query}`))).toMatchObject({ status: 400 });
    }
  });
});

describe('an origin', () => {
  test('that is listed is let in', async () => {
    const client = await open({ Origin: ORIGIN });
    client.send({ type: 'hello', token });
    await client.next('welcome');
  });

  test.each([
    'https://evil.example',
    'null',
    `${ORIGIN}.evil.example`,
    `${ORIGIN}:444`,
    'http://app.example',
    `${ORIGIN}/`,
  ])('%s gets 403 before the upgrade', async (origin) => {
    expect(await refused(path('/v1/ws'), { Origin: origin })).toMatchObject({ status: 403 });
  });

  test('missing, with a cookie token, gets 403', async () => {
    expect(await refused(path('/v1/ws'), { Cookie: `roomlog=${token}` })).toMatchObject({ status: 403 });
    const otherCookie = await open({ Cookie: 'theme=dark' });
    expect(otherCookie.closed).toBeNull();
  });

  test('let in by * can’t speak by cookie', async () => {
    const any = await MemoryGateway.start({
      stream: gateway.stream,
      auth: { allowedOrigins: ['*'], cookie: 'roomlog' },
    });
    const headers = { Origin: 'https://anyone.example', Cookie: `roomlog=${token}` };
    const client = any.track(await WireClient.open(any.ws, [], { headers }));
    client.send({ type: 'hello' });
    expect(await client.close()).toMatchObject({ code: 4401 });
    await any.stop();
  });
});

describe('a subprotocol', () => {
  test.each([
    [[], ''],
    [['roomlog.v1.json'], 'roomlog.v1.json'],
    [['roomlog.v9', 'roomlog.v1.json'], 'roomlog.v1.json'],
    [['roomlog.v1.avro', 'roomlog.v1.json'], 'roomlog.v1.avro'],
    [['roomlog.v1.json', 'roomlog.v1.avro'], 'roomlog.v1.json'],
    [['roomlog.v1.avro'], 'roomlog.v1.avro'],
  ])('offer of %j is served as %j', async (offers, chosen) => {
    const client = await open({}, offers);
    expect(client.socket.protocol).toBe(chosen);
    client.send({ type: 'hello', token });
    await client.next('welcome');
  });

  test.each([[['roomlog.v2.avro']], [['chat']], [['graphql-ws', 'mqtt']]])(
    'offer of %j closes with 4406',
    async (offers) => {
      const client = await open({}, offers);
      expect(await client.close()).toMatchObject({ code: 4406 });
    },
  );
});

describe('the path', () => {
  test('other than /v1/ws gets 404', async () => {
    for (const rest of ['/', '/v1/ws/', '/v2/ws', '/v1/rooms/r/events', '//elsewhere/v1/ws']) {
      expect(await refused(path(rest))).toMatchObject({ status: 404 });
    }
  });

  test('may carry an affinity', async () => {
    const client = await open({}, [], '?affinity=room%2F1');
    client.send({ type: 'hello', token });
    await client.next('welcome');
  });

  test('asked without an upgrade gets 426', async () => {
    expect((await fetch(path('/v1/ws'))).status).toBe(426);
    expect((await fetch(path('/v1/ws?token=t'))).status).toBe(400);
  });

  test('asked with a broken handshake gets 400', async () => {
    for (const headers of [
      { 'Sec-WebSocket-Key': 'short' },
      { 'Sec-WebSocket-Version': '7' },
      { 'Sec-WebSocket-Protocol': ',' },
    ]) {
      const answer = await refused(path('/v1/ws'), headers);
      expect(answer).toMatchObject({ status: 400, headers: { 'sec-websocket-version': '13' } });
      expect(JSON.parse(answer.body)).toMatchObject({ code: 'bad_frame', message: expect.any(String) });
    }
  });
});

describe('time-outs', () => {
  test('no hello in time closes with 4408', async () => {
    const hasty = await MemoryGateway.start({ stream: gateway.stream, gateway: { helloTimeoutMs: 30 } });
    const client = hasty.track(await WireClient.open(hasty.ws));
    expect(await client.close()).toMatchObject({ code: 4408 });
    await hasty.stop();
  });

  test('no pong in time closes with 4408; whoever pongs stays', async () => {
    const limits = { pingIntervalMs: 40, pongTimeoutMs: 200 };
    const quick = await MemoryGateway.start({ stream: gateway.stream, gateway: limits });
    const alive = await quick.client();
    const dead = quick.track(await WireClient.open(quick.ws, [], { autoPong: false }));
    dead.send({ type: 'hello', token });
    expect(await dead.next('welcome')).toMatchObject({ heartbeat: 40 });
    expect(await dead.close()).toMatchObject({ code: 4408 });
    expect(await alive.ask({ type: 'ping' })).toMatchObject({ type: 'pong' });
    await quick.stop();
  });

  test('ping frames are answered by pong frames', async () => {
    const client = await gateway.client();
    const pong = new Promise((resolve) => client.socket.once('pong', (data) => resolve(data.toString())));
    client.socket.ping('abc');
    expect(await pong).toBe('abc');
  });
});

describe('sockets that break', () => {
  test('a reset during or after the handshake leaves the gateway alive', async () => {
    const { port } = new URL(gateway.running.url);
    for (const text of ['GET /v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n', '']) {
      const socket = connect(Number(port), '127.0.0.1');
      await new Promise((resolve) => socket.once('connect', resolve));
      socket.write(text);
      socket.resetAndDestroy();
    }
    const client = await gateway.client();
    client.socket.terminate();
    await gateway.client();
  });

  test('an unmasked frame closes with 1002', async () => {
    const client = await gateway.client();
    const { _socket } = client.socket as unknown as { _socket: { write(bytes: Buffer): void } };
    _socket.write(Buffer.from([0x81, 0x02, 0x7b, 0x7d]));
    expect(await client.close()).toMatchObject({ code: 1002 });
  });
});
