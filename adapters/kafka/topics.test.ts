import { expect, test } from 'vitest';
import { configSchema } from '../../core/config/schema.ts';
import { CHUNK_BYTES } from '../snapshots/chunks.ts';
import { topicSpecs } from './topics.ts';

const { stream } = configSchema.parse({ stream: { prefix: 'p', partitions: 12 } });
const specs = new Map(topicSpecs(stream).map((spec) => [spec.topic, spec]));

test('the topics are made as the design has them', () => {
  const logs = { 'cleanup.policy': 'delete', 'message.timestamp.type': 'LogAppendTime' };
  expect(specs.get('p.inbound')?.configs).toMatchObject({ ...logs, 'max.message.bytes': '1048576' });
  expect(specs.get('p.outbound')?.configs).toMatchObject({ ...logs, 'max.message.bytes': '2097152' });
  expect(specs.get('p.snapshots')?.configs).toMatchObject({ 'cleanup.policy': 'compact' });
  expect(specs.get('p.deadletter')?.configs).toMatchObject({
    'cleanup.policy': 'delete',
    'max.message.bytes': '2097152',
  });
  expect(specs.size).toBe(4);
});

test('no topic loses what was acknowledged: two replicas have it, and only they may lead', () => {
  for (const { configs, partitions } of specs.values()) {
    expect(partitions).toBe(12);
    expect(configs).toMatchObject({
      'min.insync.replicas': `${stream.minInsyncReplicas}`,
      'unclean.leader.election.enable': 'false',
    });
  }
});

test('outbound is kept for as long as inbound, since snapshots hold what rooms need for ever', () => {
  const week = `${7 * 24 * 3_600_000}`;
  expect(specs.get('p.inbound')?.configs['retention.ms']).toBe(week);
  expect(specs.get('p.outbound')?.configs['retention.ms']).toBe(week);
});

test('a snapshot’s largest record fits its topic', () => {
  expect(Number(specs.get('p.snapshots')?.configs['max.message.bytes'])).toBeGreaterThan(2 * CHUNK_BYTES);
});
