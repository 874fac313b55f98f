/** A whole stream verified by several threads, partition by partition. */

import { Findings } from '../../consumers/verify/finding.ts';
import {
  compareStreams,
  type Progress,
  totalOf,
  type Verified,
  type VerifyOptions,
} from '../../consumers/verify/verify.ts';
import type { Config } from '../../core/config/schema.ts';
import type { Partition } from '../../core/ids.ts';
import type { Topics } from '../../core/names.ts';
import type { EventLog } from '../../core/ports/event-log.ts';
import { onThreads } from './job-threads.ts';
import type { Read, VerifiedByThread, VerifyThreadSetting } from './verify-thread.ts';

export interface VerifyOnThreads {
  readonly config: Config;
  readonly scope: VerifyThreadSetting['scope'];
  readonly threads: number;
  /** For how much there is to read; the threads have their own. */
  readonly log: EventLog;
  readonly topics: Topics;
  readonly onProgress: NonNullable<VerifyOptions['onProgress']>;
}

/** As `verify` with `only: null`; throws the same. */
export async function verifyOnThreads(options: VerifyOnThreads): Promise<Verified> {
  const { config, scope, threads, log, topics, onProgress } = options;
  const count = await log.partitionCount(topics.outbound);
  const jobs = Array.from({ length: count }, (_, number) => number as Partition);
  const expected = totalOf(await log.ranges(topics.outbound, jobs)) + totalOf(await log.ranges(topics.inbound, jobs));
  let records = 0;
  const parts = await onThreads<Partition, VerifiedByThread, Read>({
    script: 'verify-thread',
    setting: { config, scope } satisfies VerifyThreadSetting,
    jobs,
    threads,
    onTold: (partition, read) => {
      records += read;
      onProgress({ partition, records, of: Math.max(expected, records) } satisfies Progress);
    },
  });
  const findings = new Findings(scope.listed);
  for (const part of parts) findings.merge(part.findings);
  const reports = parts.flatMap((part) => part.partitions);
  compareStreams(reports, findings);
  return { findings, partitions: reports, records: parts.reduce((sum, part) => sum + part.records, 0) };
}
