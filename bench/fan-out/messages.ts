/** What the orchestrator and its processes say to each other: a JSON job in argv, JSON messages over the process channel. */
import type { LatencySummary } from '../support/latency.ts';

/** How a server is spoken to. */
export type Dialect = 'roomlog' | 'socket.io' | 'ws';

export interface ServerJob {
  readonly kind: 'socket.io' | 'ws-send' | 'ws-shared';
  readonly port: number;
  readonly brokers: readonly string[];
  readonly registry: string;
  readonly topic: string;
  /** Of `ws-shared`, ms. */
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

export interface EventsJob {
  readonly brokers: readonly string[];
  readonly registry: string;
  readonly topic: string;
  readonly partitions: number;
  readonly rooms: number;
  readonly perSecond: number;
  readonly warmUpEvents: number;
  readonly events: number;
  readonly payloadBytes: number;
}

/** From the events' process. */
export type EventsSaid =
  | { readonly said: 'ready' }
  /** The warm-up is over; `atMs` on the machine's clock. */
  | { readonly said: 'measuring'; readonly atMs: number }
  | { readonly said: 'sent' };

/** To and from the clients' processes. */
export type ClientsAsked =
  | { readonly ask: 'measure'; readonly fromMs: number }
  /** How many have been delivered to all of its members, warm-up included. */
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

/** One contender's run at one rate. */
export interface Round {
  readonly contender: string;
  readonly rooms: number;
  readonly membersPerRoom: number;
  readonly perSecond: number;
  readonly events: number;
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
  readonly void: boolean;
}

/** A room's name. */
export const roomName = (number: number): string => `bench/fan-out/${number}`;
