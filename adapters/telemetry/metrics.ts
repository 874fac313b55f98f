/**
 * Metrics as the rest of the code sees them: counters, histograms and gauges with the names that Prometheus shows. Behind
 * it stand OpenTelemetry's instruments and its Prometheus serialiser, without the exporter's own server: the admin port
 * calls `render`.
 *
 * Counters count in plain numbers and are read when somebody asks, so that the hot path pays for an addition and not for
 * an attribute look-up. Bind labels once, outside of loops: `const sent = counter.with({ direction: 'out' })`.
 */
import type { Attributes, Meter, ObservableResult } from '@opentelemetry/api';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';

export type Labels = Readonly<Record<string, string | number | boolean>>;

export interface Counter {
  add(amount?: number, labels?: Labels): void;
  /** The same counter with labels bound: keep it, `add` on it is one addition. */
  with(labels: Labels): Counter;
}

export interface Histogram {
  record(value: number, labels?: Labels): void;
  with(labels: Labels): Histogram;
}

export interface Metrics {
  /** `name` ends in `_total`. The same name again gives the same counter. */
  counter(name: string, help: string): Counter;
  /** `buckets`: upper bounds, ascending, in the unit that the name ends in. Default: for milliseconds, 0.5 to 10,000. */
  histogram(name: string, help: string, buckets?: readonly number[]): Histogram;
  /** Read when rendered; several series by returning value and labels of each. The same name again replaces the reader. */
  gauge(name: string, help: string, read: () => number | ReadonlyArray<readonly [number, Labels]>): void;
  /** Prometheus' text format, 0.0.4. */
  render(): Promise<string>;
  shutdown(): Promise<void>;
}

/** Content type of what `render` gives. */
export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
/** Different label sets per name; more of them are counted together under `overflow="true"`. */
export const MAX_SERIES = 1_000;

const LATENCY_BUCKETS_MS = [0.5, 1, 2, 3, 5, 7.5, 10, 15, 25, 50, 75, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];
const NO_LABELS: Labels = {};

export function createMetrics(): Metrics {
  const reader = new PrometheusExporter({ preventServerStart: true });
  const serializer = new PrometheusSerializer('', false, undefined, true, true);
  const provider = new MeterProvider({ readers: [reader] });
  const meter = provider.getMeter('roomlog');
  const counters = new Map<string, Counter>();
  const histograms = new Map<string, Histogram>();
  const gauges = new Map<string, { read: () => number | ReadonlyArray<readonly [number, Labels]> }>();

  return {
    counter: (name, help) => remember(counters, name, () => createCounter(meter, name, help)),
    histogram: (name, help, buckets) => remember(histograms, name, () => createHistogram(meter, name, help, buckets)),
    gauge: (name, help, read) => {
      remember(gauges, name, () => createGauge(meter, name, help, read)).read = read;
    },
    render: async () => {
      const { resourceMetrics, errors } = await reader.collect();
      if (errors.length > 0) throw errors[0];
      return serializer.serialize(resourceMetrics);
    },
    shutdown: () => provider.shutdown(),
  };
}

function remember<T>(known: Map<string, T>, name: string, create: () => T): T {
  let found = known.get(name);
  if (found === undefined) {
    found = create();
    known.set(name, found);
  }
  return found;
}

/** One label set of a counter. */
class Series implements Counter {
  value = 0;
  readonly labels: Labels;
  readonly #family: Family;

  constructor(labels: Labels, family: Family) {
    this.labels = labels;
    this.#family = family;
  }

  add(amount = 1, labels?: Labels): void {
    if (labels === undefined) this.value += amount;
    else this.#family.series({ ...this.labels, ...labels }).value += amount;
  }

  with(labels: Labels): Counter {
    return this.#family.series({ ...this.labels, ...labels });
  }
}

/** All label sets of a counter. */
class Family {
  readonly #byLabels = new Map<string, Series>();

  series(labels: Labels): Series {
    const id = JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
    const known = this.#byLabels.get(id);
    if (known !== undefined) return known;
    if (this.#byLabels.size >= MAX_SERIES && labels.overflow !== true) return this.series({ overflow: true });
    const created = new Series(labels, this);
    this.#byLabels.set(id, created);
    return created;
  }

  observe(result: ObservableResult): void {
    for (const { value, labels } of this.#byLabels.values()) result.observe(value, labels as Attributes);
  }
}

function createCounter(meter: Meter, name: string, help: string): Counter {
  if (!name.endsWith('_total')) throw new TypeError(`a counter's name ends in _total: ${name}`);
  const family = new Family();
  meter.createObservableCounter(name, { description: help }).addCallback((result) => family.observe(result));
  // The series without labels comes into being with the first count, so that a name always used with labels shows no
  // empty one beside them.
  let bare: Series | null = null;
  return {
    add: (amount = 1, labels) => {
      if (labels !== undefined) {
        family.series(labels).value += amount;
        return;
      }
      bare ??= family.series(NO_LABELS);
      bare.value += amount;
    },
    with: (labels) => family.series(labels),
  };
}

function createHistogram(
  meter: Meter,
  name: string,
  help: string,
  buckets: readonly number[] = LATENCY_BUCKETS_MS,
): Histogram {
  const instrument = meter.createHistogram(name, {
    description: help,
    advice: { explicitBucketBoundaries: [...buckets] },
  });
  const bound = (labels: Labels): Histogram => ({
    record: (value, more) => instrument.record(value, more === undefined ? labels : { ...labels, ...more }),
    with: (more) => bound({ ...labels, ...more }),
  });
  return bound(NO_LABELS);
}

function createGauge(
  meter: Meter,
  name: string,
  help: string,
  read: () => number | ReadonlyArray<readonly [number, Labels]>,
): { read: typeof read } {
  const held = { read };
  meter.createObservableGauge(name, { description: help }).addCallback((result) => {
    const value = held.read();
    if (typeof value === 'number') result.observe(value);
    else for (const [one, labels] of value) result.observe(one, labels as Attributes);
  });
  return held;
}
