/** What a case of the fault table is. See README.md for how to add one. */
import type { Config } from '../../core/config/schema.ts';
import type { LoadOptions } from './load.ts';
import type { ProcessSetting } from './roomlog.ts';
import type { World } from './world.ts';

export type KafkaClient = Config['kafka']['client'];

export interface FaultCase {
  /** As in the table of docs/faults.md. */
  readonly number: number;
  /** A few words, as in the table. */
  readonly name: string;
  /** How long the faults go on unless `--seconds` says otherwise; what is begun is finished, so a run may take longer. */
  readonly seconds: number;
  /** In place of the defaults (three gateways, two sequencers, 6 partitions). */
  readonly gateways?: number;
  readonly sequencers?: number;
  readonly load?: Partial<LoadOptions>;
  /** Configuration of all of its Roomlog processes, as environment variables. */
  readonly environment?: Readonly<Record<string, string>>;
  /** What the named process gets beside that. */
  setting?(process: string): ProcessSetting;
  /** What the report must say beside the checker's verdict; each sentence fails the case. Called after draining. */
  judge?(world: World): Promise<readonly string[]>;
  /** Every outbound record is sound after this case? Default: true. Where false, `verify` is not run, and why is told. */
  readonly notVerified?: string;
  /** Makes the faults, under load that runs already. Everything is healed when it resolves. */
  run(world: World): Promise<void>;
}
