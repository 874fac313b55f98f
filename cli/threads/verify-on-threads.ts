/** A whole stream verified by several threads, partition by partition. */
import { Findings } from '../../consumers/verify/finding.ts';
import { compareStreams, type Progress, type Verified, type VerifyOptions } from '../../consumers/verify/verify.ts';
import type { Config } from '../../core/config/schema.ts';
import type { Partition } from '../../core/ids.ts';
import { topicsOf } from '../../core/names.ts';
import type { EventLog, OffsetRange } from '../../core/ports/event-log.ts';
import { openLogWith, openSchemas } from '../open-log.ts';
import { onThreads } from './job-threads.ts';
import type { Read, VerifiedByThread, VerifyThreadSetting } from './verify-thread.ts';

export interface VerifyOnThreads {
  readonly config: Config;
  readonly scope: VerifyThreadSetting['scope'];
  readonly threads: number;
  readonly onProgress: NonNullable<VerifyOptions['onProgress']>;
}

interface Job {
  readonly partition: Partition;
  /** An estimate from offsets. */
  readonly records: number;
}

/** As `verify` with `only: null`; throws the same. */
export async function verifyOnThreads({ config, scope, threads, onProgress }: VerifyOnThreads): Promise<Verified> {
  const schemas = openSchemas(config);
  let log: EventLog | null = null;
  let records = 0;
  let expected = 0;
  const findJobs = async (): Promise<readonly Job[]> => {
    ({ log } = await openLogWith(config, schemas));
    const jobs = await jobsOf(log, config);
    expected = jobs.reduce((sum, job) => sum + job.records, 0);
    return jobs;
  };
  const jobs = findJobs();
  try {
    const parts = await onThreads<Job, VerifiedByThread, Read>({
      script: 'verify-thread',
      setting: { config, scope } satisfies VerifyThreadSetting,
      schemas,
      jobs,
      threads: Math.min(threads, config.stream.partitions),
      onTold: ({ partition }, read) => {
        records += read;
        onProgress({ partition, records, of: Math.max(expected, records) } satisfies Progress);
      },
    });
    return inOne(parts, scope.listed);
  } finally {
    // A thread may have failed before the log was open.
    await Promise.allSettled([jobs]);
    await (log as EventLog | null)?.close();
  }
}

/** The largest first, so that no thread is left alone with one at the end. */
async function jobsOf(log: EventLog, config: Config): Promise<readonly Job[]> {
  const topics = topicsOf(config.stream.prefix);
  const partitions = Array.from({ length: await log.partitionCount(topics.outbound) }, (_, at) => at as Partition);
  const [outbound, inbound] = await Promise.all([
    log.ranges(topics.outbound, partitions),
    log.ranges(topics.inbound, partitions),
  ]);
  return partitions
    .map((partition) => ({ partition, records: held(outbound, partition) + held(inbound, partition) }))
    .sort((one, other) => other.records - one.records);
}

function held(ranges: ReadonlyMap<Partition, OffsetRange>, partition: Partition): number {
  const range = ranges.get(partition);
  return range === undefined ? 0 : range.end - range.start;
}

/** What the threads found, by partition. */
function inOne(parts: readonly VerifiedByThread[], listed: number): Verified {
  const inOrder = [...parts].sort((one, other) => partitionOf(one) - partitionOf(other));
  const findings = new Findings(listed);
  for (const part of inOrder) findings.merge(part.findings);
  const reports = inOrder.flatMap((part) => part.partitions);
  compareStreams(reports, findings);
  return { findings, partitions: reports, records: inOrder.reduce((sum, part) => sum + part.records, 0) };
}

const partitionOf = ({ partitions }: VerifiedByThread): number => partitions[0]?.partition ?? 0;
