/** What the orchestrator and its processes say to each other: a JSON job in argv, JSON messages over the process channel. */
import type { LatencySummary } from '../support/latency.ts';

/** How a server is spoken to. */
export type Dialect = 'roomlog' | 'socket.io' | 'ws' | 'nats';

export interface ServerJob {
  readonly kind: 'socket.io' | 'ws-send' | 'ws-shared' | 'node-floor';
  readonly port: number;
  readonly brokers: readonly string[];
  readonly registry: string;
  readonly topic: string;
  /** Of `ws-shared` and `node-floor`, ms. */
  readonly windowMs: number;
}

export interface ClientsJob {
  readonly dialect: Dialect;
  readonly url: string;
  readonly token: string;
  readonly rooms: number;
  /** Its share of each room's members. */
  readonly membersPerRoom: number;
  /** Every so many-th member reads all it gets: latency, order. The others count. */
  readonly sampleEvery: number;
  readonly compression: boolean;
}

/** Of the events' process, which writes outbound for the whole run. */
export interface EventsJob {
  readonly brokers: readonly string[];
  readonly registry: string;
  readonly topic: string;
  readonly partitions: number;
  /** All that any case has. */
  readonly rooms: number;
  readonly payloadBytes: number;
}

/** To the events' process: so many events in turn to the first `rooms` rooms. */
export interface EventsAsked {
  readonly rooms: number;
  readonly perSecond: number;
  readonly warmUpEvents: number;
  readonly events: number;
}

/** From the events' process. */
export type EventsSaid =
  | { readonly said: 'ready' }
  /** The warm-up is over; `atMs` on the machine's clock. */
  | { readonly said: 'measuring'; readonly atMs: number }
  | { readonly said: 'sent' };

/** To and from the clients' processes. */
export type ClientsAsked =
  /** A phase begins: what was counted before is forgotten. */
  | { readonly ask: 'begin' }
  | { readonly ask: 'measure'; readonly fromMs: number }
  /** How many have been delivered to all of its members in this phase, warm-up included. */
  | { readonly ask: 'count' }
  | { readonly ask: 'result' };
export type ClientsSaid =
  | { readonly said: 'ready' }
  | { readonly said: 'count'; readonly deliveries: number; readonly cpuMs: number }
  | {
      readonly said: 'result';
      readonly samplesMs: readonly number[];
      readonly outOfOrder: number;
      readonly closed: number;
      readonly bytes: number;
    };

/** One contender at one rate. */
export interface Phase {
  readonly contender: string;
  readonly rooms: number;
  readonly membersPerRoom: number;
  readonly perSecond: number;
  readonly events: number;
  /** Not delivered soon after the last event. */
  readonly lost: number;
  readonly outOfOrder: number;
  readonly closed: number;
  readonly deliveredMs: LatencySummary;
  /** User + system of the server, seconds, and its share of a core. */
  readonly serverCpuSeconds: number;
  readonly serverCpu: number;
  readonly deliveriesPerCpuSecond: number;
  /** Bytes on the wire, for each delivery. */
  readonly bytesPerDelivery: number;
  /** Share of a core of the busiest process of clients. */
  readonly clientsCpu: number;
  readonly infrastructureCpu: number;
  readonly stolen: number;
  /** Why it does not count; empty where it does. */
  readonly void: readonly string[];
}

/** A room's name. */
export const roomName = (number: number): string => `bench/fan-out/${number}`;

/** Before the events' process is ready: so many to all rooms in turn, then as many to the first. */
export const WARM_UP_EVENTS = 12_000;
