/**
 * Appends and tails over TLS and a login for a while, in a process of its own: Node reads the certificates it trusts when it starts.
 * Argument: a `LoginJob`. Prints a `LoginResult`.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { openKafkaLog } from '../../adapters/kafka/kafka-log.ts';
import type { Config } from '../../core/config/schema.ts';
import { RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { kafkaConfig } from '../contract/kafka-harness.ts';

export interface LoginJob {
  readonly kafka: Partial<Config['kafka']>;
  readonly broker: string;
  readonly topic: string;
  readonly forMs: number;
}

export interface LoginResult {
  /** Of the appends that there were, how many had which outcome. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Records that the tail handed over. */
  readonly seen: number;
  /** Why the log could not be opened; null where it could. */
  readonly refused: string | null;
}

const EVERY_MS = 20;
const SEEN_WITHIN_MS = 10_000;
const p0 = 0 as Partition;

async function run(job: LoginJob): Promise<LoginResult> {
  const log = await openKafkaLog(kafkaConfig([job.broker], job.kafka), { logger: silentLog });
  const outcomes: Record<string, number> = {};
  let seen = 0;
  let wanted = Number.POSITIVE_INFINITY;
  const all = Promise.withResolvers<void>();
  const { end } = (await log.ranges(job.topic)).get(p0) ?? { end: 0 as Offset };
  const tail = log.tail({
    topic: job.topic,
    onRecords: (_, records) => {
      seen += records.length;
      if (seen >= wanted) all.resolve();
    },
    onError: (_, error) => all.reject(error),
  });
  tail.assign(p0, end);
  const until = performance.now() + job.forMs;
  do {
    const records = [{ key: null, value: Buffer.from('x') }];
    const [outcome] = await log.append(job.topic, [{ partition: p0, records }]);
    const status = outcome?.status ?? 'none';
    outcomes[status] = (outcomes[status] ?? 0) + 1;
    await delay(EVERY_MS);
  } while (performance.now() < until);
  wanted = outcomes.appended ?? 0;
  if (seen < wanted) await Promise.race([all.promise, delay(SEEN_WITHIN_MS, undefined, { ref: false })]);
  await log.close();
  return { outcomes, seen, refused: null };
}

const result = await run(JSON.parse(process.argv[2] ?? '') as LoginJob).catch((error: unknown): LoginResult => {
  if (!(error instanceof RoomlogError)) throw error;
  return { outcomes: {}, seen: 0, refused: error.code };
});
process.stdout.write(JSON.stringify(result));
