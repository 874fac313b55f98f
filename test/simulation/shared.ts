/** What all runs of a process share because it holds no state of theirs: the codec, the configuration's defaults, metrics. */
import type { Counter, Histogram, Metrics } from '../../adapters/telemetry/metrics.ts';
import { type Config, configSchema } from '../../core/config/schema.ts';
import { topicsOf } from '../../core/names.ts';
import { EdgeMetrics } from '../../gateway/server/edge-metrics.ts';
import { createCodec } from '../../schemas/codec.ts';
import { SCHEMAS } from '../../schemas/schemas.ts';

const IDS: ReadonlyMap<number, string> = new Map([
  [1, SCHEMAS.inbound],
  [2, SCHEMAS.outbound],
  [3, SCHEMAS.deadletter],
  [4, SCHEMAS.snapshots],
]);

export const TOPICS = topicsOf('simulation');
export const GROUP_ID = 'simulation.sequencer';
export const CONFIG: Config = configSchema.parse({ stream: { prefix: 'simulation' } });

export const CODEC = createCodec({
  inboundId: 1,
  outboundId: 2,
  deadLetterId: 3,
  snapshotId: 4,
  store: {
    known: (id) => IDS.get(id),
    load: async (id) => {
      const schema = IDS.get(id);
      if (schema === undefined) throw new Error(`no schema ${id}`);
      return schema;
    },
  },
});

const counter: Counter = { add: () => {}, with: () => counter };
const histogram: Histogram = { record: () => {}, with: () => histogram };

/** Counts nothing. */
export const NO_METRICS: Metrics = {
  counter: () => counter,
  histogram: () => histogram,
  gauge: () => {},
  render: async () => '',
  shutdown: async () => {},
};

export const EDGE_METRICS = new EdgeMetrics(NO_METRICS);
