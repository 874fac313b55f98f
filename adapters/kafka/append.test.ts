import { expect, test } from 'vitest';
import { RoomlogError } from '../../core/errors.ts';
import type { Partition } from '../../core/ids.ts';
import { systemClock } from '../../core/ports/clock.ts';
import { Appender, judge } from './append.ts';
import type { Connections } from './connection.ts';
import type { Metadata } from './metadata.ts';
import { NotSentError } from './transport.ts';

const p3 = 3 as Partition;
const verdict = (errorCode: number, baseOffset = -1) => judge('t', p3, { partition: 3, errorCode, baseOffset }).status;

test('an answer without an error is an append, with its offset', () => {
  expect(judge('t', p3, { partition: 3, errorCode: 0, baseOffset: 9 })).toEqual({
    partition: 3,
    status: 'appended',
    baseOffset: 9,
  });
});

test.each([
  ['MESSAGE_TOO_LARGE', 10, 'too_large'],
  ['RECORD_LIST_TOO_LARGE', 18, 'too_large'],
  ['TOPIC_AUTHORIZATION_FAILED', 29, 'kafka_refused'],
  ['INVALID_RECORD', 87, 'kafka_refused'],
])('%s refuses for good', (_, code, as) => {
  expect(judge('t', p3, { partition: 3, errorCode: code, baseOffset: -1 })).toMatchObject({
    status: 'refused',
    error: { code: as },
  });
});

test.each([
  ['NOT_LEADER_OR_FOLLOWER', 6],
  ['NOT_ENOUGH_REPLICAS', 19],
  ['UNKNOWN_TOPIC_OR_PARTITION', 3],
  ['FENCED_LEADER_EPOCH', 74],
])('%s before the append proves that nothing was appended', (_, code) => {
  expect(verdict(code)).toBe('not_appended');
});

test('a leader that lost its role after the local append proves nothing', () => {
  expect(verdict(6, 120)).toBe('unknown');
});

test.each([
  ['REQUEST_TIMED_OUT', 7],
  ['NOT_ENOUGH_REPLICAS_AFTER_APPEND', 20],
  ['KAFKA_STORAGE_ERROR', 56],
  ['UNKNOWN_SERVER_ERROR', -1],
  ['a code of the future', 999],
])('%s proves nothing', (_, code) => {
  expect(verdict(code)).toBe('unknown');
});

test('an answer without the partition proves nothing', () => {
  expect(judge('t', p3, undefined).status).toBe('unknown');
});

test('a request without an answer proves nothing, one that never left proves that nothing was appended', async () => {
  const statusAfter = async (thrown: Error) => {
    const leaders = new Map([[p3, { nodeId: 1, host: 'h', port: 1 }]]);
    const metadata = { known: () => ({ leaders }), markStale: () => {}, suspect: () => {} } as unknown as Metadata;
    const connections = {
      sendLate: async (_: unknown, make: () => unknown) => {
        make();
        throw thrown;
      },
    } as unknown as Connections;
    const appender = new Appender(metadata, connections, systemClock, 1_000);
    const [outcome] = await appender.append('t', [{ partition: p3, records: [{ key: null, value: null }] }]);
    return outcome?.status;
  };
  expect(await statusAfter(new RoomlogError('kafka_unreachable'))).toBe('unknown');
  expect(await statusAfter(new NotSentError('kafka_unreachable'))).toBe('not_appended');
});
