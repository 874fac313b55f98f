/** All cases of the table, and those that nobody has written yet: these are told as such, never as passed. */
import type { FaultCase } from './case.ts';
import { gatewayKilled } from './cases/01-gateway-killed.ts';
import { sequencerKilled } from './cases/02-sequencer-killed.ts';
import { zombieSequencer } from './cases/03-zombie-sequencer.ts';
import { lateClaim } from './cases/04-late-claim.ts';
import { brokerKilled } from './cases/05-broker-killed.ts';
import { responseLost } from './cases/06-response-lost.ts';
import { networkCut } from './cases/07-network-cut.ts';
import { diskFull } from './cases/08-disk-full.ts';
import { redisLost } from './cases/09-redis-lost.ts';
import { registryDown } from './cases/10-registry-down.ts';
import { slowClients } from './cases/11-slow-clients.ts';
import { clockSkew } from './cases/12-clock-skew.ts';
import { poison } from './cases/13-poison.ts';
import { badFrames } from './cases/14-bad-frames.ts';
import { reconnectStorm } from './cases/15-reconnect-storm.ts';
import { rollingRestart } from './cases/16-rolling-restart.ts';
import { inboundChanged } from './cases/17-inbound-changed.ts';
import { retention } from './cases/18-retention.ts';
import { groupChurn } from './cases/19-group-churn.ts';
import { snapshotSpoiled } from './cases/20-snapshot-spoiled.ts';

/** In the order in which they run. */
export const CASES: readonly FaultCase[] = [
  gatewayKilled,
  sequencerKilled,
  zombieSequencer,
  lateClaim,
  brokerKilled,
  responseLost,
  networkCut,
  diskFull,
  redisLost,
  registryDown,
  slowClients,
  clockSkew,
  poison,
  badFrames,
  reconnectStorm,
  rollingRestart,
  inboundChanged,
  retention,
  groupChurn,
  snapshotSpoiled,
];

/** The whole table. */
export const TABLE: ReadonlyMap<number, string> = new Map([
  [1, 'gateway killed (-9), one and all'],
  [2, 'sequencer killed between produce and response'],
  [3, 'zombie sequencer'],
  [4, 'pause between assignment and claim'],
  [5, 'broker killed, 1 of 3, then 2 of 3'],
  [6, 'response lost after the append'],
  [7, 'network cut: gateway–Kafka, sequencer–Kafka, one-way'],
  [8, 'broker’s disk full'],
  [9, 'Redis killed, restarted, FLUSHALL'],
  [10, 'registry down, also at a process’s start'],
  [11, 'slow and stalled clients'],
  [12, 'clock skew of 10 minutes'],
  [13, 'poison records, unknown schema id, wrong partition, foreign codec, transaction markers'],
  [14, 'oversized, invalid, unauthorised frames'],
  [15, 'reconnect storm of thousands'],
  [16, 'rolling restart under load'],
  [17, 'partition count changed, inbound recreated'],
  [18, 'retention passes a lagging reader'],
  [19, 'members join and leave the group every 2 s'],
  [20, 'snapshot missing, stale, corrupt'],
]);

export function notYet(): number[] {
  const done = new Set(CASES.map(({ number }) => number));
  return [...TABLE.keys()].filter((number) => !done.has(number));
}
