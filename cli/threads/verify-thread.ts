/** One thread of `roomlog verify`: checks the partitions that it is handed, with a connection of its own. */
import type { Found } from '../../consumers/verify/finding.ts';
import { type Verified, type VerifyOptions, verify } from '../../consumers/verify/verify.ts';
import type { Config } from '../../core/config/schema.ts';
import type { Partition } from '../../core/ids.ts';
import { topicsOf } from '../../core/names.ts';
import { openLogWith } from '../open-log.ts';
import { serveJobs } from './job-threads.ts';
import { startedWith } from './start-thread.ts';

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

/** Read between two words of it: each costs both sides more than reading a fetch's slice. */
const TOLD_RECORDS = 16_384;

const { port, setting, schemas } = startedWith<VerifyThreadSetting>();
const { config, scope } = setting;
const { sessionMaxAgeMs, keyWindowMs } = config.sequencer;
const opened = openLogWith(config, schemas);
// Told to whoever asks for something: a thread that ends by it would say less.
opened.catch(() => {});

serveJobs<{ readonly partition: Partition }, VerifiedByThread, Read>(port, async ({ partition }, tell) => {
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
      if (records - told < TOLD_RECORDS) return;
      tell(records - told);
      told = records;
    },
  });
  const { listed, counts, total } = findings;
  return { ...rest, findings: { listed, counts, total } };
});
