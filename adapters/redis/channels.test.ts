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

  async sunsubscribe(): Promise<number> {
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
