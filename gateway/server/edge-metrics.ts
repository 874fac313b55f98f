/** The edge's metrics, bound once, so that counting a frame is one addition. */
import type { Counter, Histogram, Metrics } from '../../adapters/telemetry/metrics.ts';
import { ERRORS, type ErrorCode } from '../../core/errors.ts';
import { CLOSE } from '../protocol/close-codes.ts';
import type { ClientFrame } from '../protocol/frames.ts';
import type { Publisher } from '../publish/publish.ts';

const RECEIVED = ['hello', 'join', 'leave', 'publish', 'presence', 'ping', 'signal', 'refresh', 'bad'] as const;
const SENT = [
  'welcome',
  'joined',
  'left',
  'ack',
  'error',
  'members',
  'presence',
  'pong',
  'reconnect',
] as const satisfies readonly string[];

/** Codes that stand for themselves in a metric. A client may choose from thousands: the rest is one. */
const CLOSE_CODES: ReadonlySet<number> = new Set([...Object.values(CLOSE), 1001, 1002, 1005, 1006, 1007, 1009]);
const OTHER_CLOSE_CODE = 'other';

const OUTCOMES = ['acked', 'duplicate', 'refused', 'lost'] as const;

export type PublishOutcome = (typeof OUTCOMES)[number];
export type SentType = (typeof SENT)[number];

export class EdgeMetrics {
  readonly #received: ReadonlyMap<string, Counter>;
  readonly #sent: ReadonlyMap<string, Counter>;
  readonly #errors: ReadonlyMap<string, Counter>;
  readonly #closes: Counter;
  readonly #refusedUpgrades: Counter;
  readonly #publishes: ReadonlyMap<PublishOutcome, Counter>;
  readonly #failedAppends: Counter;
  readonly #limits: Readonly<Record<'refused' | 'held', Counter>>;
  readonly #circuitOpened: Counter;
  readonly #latency: Histogram;

  constructor(metrics: Metrics) {
    const messages = metrics.counter('websocket_messages_total', 'Protocol frames, by type and direction.');
    this.#received = new Map(RECEIVED.map((type) => [type, messages.with({ type, direction: 'in' })]));
    this.#sent = new Map(SENT.map((type) => [type, messages.with({ type, direction: 'out' })]));
    const errors = metrics.counter('roomlog_errors_total', 'Error frames sent, by code.');
    this.#errors = new Map(Object.keys(ERRORS).map((code) => [code, errors.with({ code })]));
    this.#closes = metrics.counter('roomlog_closes_total', 'WebSocket connections that ended, by close code.');
    this.#refusedUpgrades = metrics.counter('roomlog_refused_upgrades_total', 'Upgrades refused, by HTTP status.');
    const publishes = metrics.counter('roomlog_publish_total', 'Durable publishes, by what became of them.');
    this.#publishes = new Map(OUTCOMES.map((outcome) => [outcome, publishes.with({ outcome })]));
    this.#failedAppends = metrics.counter('roomlog_append_failures_total', 'Tries to append to inbound that failed.');
    const limits = metrics.counter(
      'roomlog_publish_limit_total',
      'Times that publishes were too many: one refused with unavailable, or a socket held back.',
    );
    this.#limits = { refused: limits.with({ what: 'refused' }), held: limits.with({ what: 'held' }) };
    this.#circuitOpened = metrics
      .counter('roomlog_circuit_opened_total', 'Circuit breakers that opened, by what they guard.')
      .with({ circuit: 'append' });
    this.#latency = metrics.histogram('websocket_message_latency_ms', 'From a publish frame to its ack, ms.');
  }

  received(type: ClientFrame['type'] | 'bad'): void {
    this.#received.get(type)?.add();
  }

  sent(type: SentType): void {
    this.#sent.get(type)?.add();
  }

  error(code: ErrorCode): void {
    this.#errors.get(code)?.add();
  }

  closed(code: number): void {
    this.#closes.add(1, { code: CLOSE_CODES.has(code) ? code : OTHER_CLOSE_CODE });
  }

  refusedUpgrade(status: number): void {
    this.#refusedUpgrades.add(1, { status });
  }

  published(outcome: PublishOutcome, latencyMs: number | null): void {
    this.#publishes.get(outcome)?.add();
    if (latencyMs !== null) this.#latency.record(latencyMs);
  }

  appendFailed(status: string): void {
    this.#failedAppends.add(1, { status });
  }

  atLimit(what: 'refused' | 'held'): void {
    this.#limits[what].add();
  }

  appendCircuitOpened(): void {
    this.#circuitOpened.add();
  }
}

export function observePublisher(metrics: Metrics, publisher: Pick<Publisher, 'stats'>): void {
  metrics.gauge(
    'roomlog_publish_queued_bytes',
    'Bytes not known to be in inbound.',
    () => publisher.stats().queuedBytes,
  );
  metrics.gauge(
    'roomlog_publish_under_way',
    'Durable publishes not seen in outbound, given up by their clients or not.',
    () => publisher.stats().underWay,
  );
  metrics.gauge(
    'roomlog_publish_stalled_partitions',
    'Partitions that take only probes, since publishes are not sequenced in time.',
    () => publisher.stats().stalledPartitions,
  );
  metrics.gauge(
    'roomlog_held_sockets',
    'Sockets left unread, since what they publish finds no room.',
    () => publisher.stats().heldSockets,
  );
  metrics.gauge('roomlog_append_circuits', 'Circuit breakers before appends, one a partition, by state.', () =>
    Object.entries(publisher.stats().circuits).map(([state, partitions]) => [partitions, { state }] as const),
  );
}
