/** One thread of `roomlog verify`: checks the partitions that it is handed, with a connection of its own. */
import assert from 'node:assert/strict';
import { parentPort, workerData } from 'node:worker_threads';
import type { Found } from '../../consumers/verify/finding.ts';
import { type Verified, type VerifyOptions, verify } from '../../consumers/verify/verify.ts';
import type { Config } from '../../core/config/schema.ts';
import type { Partition } from '../../core/ids.ts';
import { topicsOf } from '../../core/names.ts';
import { openLog } from '../open-log.ts';
import { serveJobs } from './job-threads.ts';

export interface VerifyThreadSetting {
  readonly config: Config;
  readonly scope: Pick<VerifyOptions, 'fromMs' | 'toMs' | 'listed'>;
}

/** What a thread found, as far as it can be passed on. */
export interface VerifiedByThread extends Omit<Verified, 'findings'> {
  readonly findings: Found;
}

/** Records read of the partition since it said so last. */
export type Read = number;

assert(parentPort !== null, 'it runs as a thread');
const { config, scope } = workerData as VerifyThreadSetting;
const { sessionMaxAgeMs, keyWindowMs } = config.sequencer;
const opened = openLog(config);

serveJobs<Partition, VerifiedByThread, Read>(parentPort, async (partition, tell) => {
  const { log, codec } = await opened;
  let told = 0;
  const { findings, ...rest } = await verify({
    ...scope,
    log,
    codec,
    topics: topicsOf(config.stream.prefix),
    limits: { sessionMaxAgeMs, keyWindowMs },
    only: { partition },
    onProgress: ({ records }) => {
      tell(records - told);
      told = records;
    },
  });
  const { listed, counts, total } = findings;
  return { ...rest, findings: { listed, counts, total } };
});
