import { EventEmitter } from 'node:events';
import type { Redis } from 'ioredis';
import { beforeEach, describe, expect, it } from 'vitest';
import { ShardChannels } from './channels.ts';

/** A connection that notes what it is asked for; each answer is given by the test. */
class NotingConnection extends EventEmitter {
  status = 'ready';
  readonly subscribed: string[][] = [];
  readonly answers: PromiseWithResolvers<number>[] = [];

  ssubscribe(...channels: string[]): Promise<number> {
    this.subscribed.push(channels);
    const answer = Promise.withResolvers<number>();
    this.answers.push(answer);
    return answer.promise;
  }

  readonly unsubscribed: string[][] = [];

  async sunsubscribe(...channels: string[]): Promise<number> {
    this.unsubscribed.push(channels);
    return 0;
  }
}

const endOfTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const isDone = async (work: Promise<void>): Promise<boolean> =>
  Promise.race([work.then(() => true), endOfTurn().then(() => false)]);

describe('channels', () => {
  let connection: NotingConnection;
  let channels: ShardChannels;
  const hear = (): void => {};

  beforeEach(() => {
    connection = new NotingConnection();
    channels = new ShardChannels(connection as unknown as Redis);
  });

  it('asks for all channels of one turn by one command', async () => {
    for (const channel of ['a', 'b', 'c']) channels.listen(channel, hear);
    channels.listen('a', hear);
    expect(connection.subscribed).toEqual([]);
    await endOfTurn();
    channels.listen('d', hear);
    await endOfTurn();
    expect(connection.subscribed).toEqual([['a', 'b', 'c'], ['d']]);
  });

  it('settles a channel when its own command is answered, whichever way', async () => {
    channels.listen('a', hear);
    const settled = channels.settled('a');
    await endOfTurn();
    expect(await isDone(settled)).toBe(false);
    connection.answers[0]?.reject(new Error('away'));
    expect(await isDone(settled)).toBe(true);
    channels.subscribeMissing();
    expect(connection.subscribed).toEqual([['a'], ['a']]);
    const again = channels.settled('a');
    connection.answers[1]?.resolve(1);
    expect(await isDone(again)).toBe(true);
    channels.subscribeMissing();
    expect(connection.subscribed.length).toBe(2);
  });

  it('leaves out what is not listened to any more, and what a new connection has asked for already', async () => {
    for (const channel of ['a', 'b']) channels.listen(channel, hear);
    channels.unlisten('a');
    await endOfTurn();
    expect(connection.subscribed).toEqual([['b']]);
    channels.listen('c', hear);
    channels.subscribeAll();
    await endOfTurn();
    expect(connection.subscribed).toEqual([['b'], ['b', 'c']]);
  });

  it('lets go of all channels of one turn by one command, but for those that are wanted again', async () => {
    for (const channel of ['a', 'b', 'c']) channels.listen(channel, hear);
    await endOfTurn();
    for (const channel of ['a', 'b', 'c']) channels.unlisten(channel);
    channels.listen('b', hear);
    expect(connection.unsubscribed).toEqual([]);
    await endOfTurn();
    expect(connection.unsubscribed).toEqual([['a', 'c']]);
    channels.unlisten('b');
    await endOfTurn();
    expect(connection.unsubscribed).toEqual([['a', 'c'], ['b']]);
  });

  it('cuts what it lets go of into commands that Redis takes quickly', async () => {
    const many = Array.from({ length: 1_100 }, (_, number) => `channel-${number}`);
    for (const channel of many) channels.listen(channel, hear);
    for (const channel of many) channels.unlisten(channel);
    await endOfTurn();
    expect(connection.unsubscribed.map(({ length }) => length)).toEqual([500, 500, 100]);
    expect(connection.unsubscribed.flat()).toEqual(many);
  });

  it('lets go of nothing where the connection has gone: the next one never had it', async () => {
    channels.listen('a', hear);
    await endOfTurn();
    channels.unlisten('a');
    connection.status = 'reconnecting';
    await endOfTurn();
    expect(connection.unsubscribed).toEqual([]);
  });

  it('lets go of what was asked for as the connection went, to be asked for when it is back', async () => {
    channels.listen('a', hear);
    connection.status = 'reconnecting';
    expect(await isDone(channels.settled('a'))).toBe(true);
    expect(connection.subscribed).toEqual([]);
    connection.status = 'ready';
    channels.subscribeMissing();
    expect(connection.subscribed).toEqual([['a']]);
  });
});
