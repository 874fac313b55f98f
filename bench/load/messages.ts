/** What the parent and its load processes say to each other: one JSON job in argv, one JSON result on stdout's last line. */
import type { LatencySummary } from '../support/latency.ts';

export interface LoadJob {
  readonly brokers: readonly string[];
  readonly partitions: number;
  readonly perSecond: number;
  readonly warmUpEvents: number;
  readonly events: number;
  readonly payloadBytes: number;
}

export interface RoomsJob extends LoadJob {
  readonly urls: readonly string[];
  readonly token: string;
  readonly rooms: number;
  readonly membersPerRoom: number;
  /** Where to write when each measured event was sent and delivered, on the machine's clock. */
  readonly traceFile?: string;
  /** The result has all samples, to be joined with those of other load processes. */
  readonly keepSamples?: boolean;
}

export interface LoopJob extends LoadJob {
  readonly loop: 'group' | 'raw';
  readonly from: string;
  readonly to: string;
}

/** Of the best loop behind WebSockets. */
export interface EdgeJob extends Pick<LoopJob, 'brokers' | 'partitions' | 'from' | 'to'> {
  readonly port: number;
}

export interface LoadResult {
  readonly delivered: LatencySummary;
  readonly acked?: LatencySummary;
  /** ms, to two decimals. */
  readonly samples?: { readonly delivered: readonly number[]; readonly acked: readonly number[] };
  readonly lost: number;
  /** Error frames by code. */
  readonly errors?: Readonly<Record<string, number>>;
  /** Share of one core that the load process itself used. */
  readonly loadCpu: number;
  /** Share of one core of the process in the middle of a bare loop. */
  readonly middleCpu?: number;
}

/** A JSON object of about `bytes` that carries the time it should have been sent at. */
export function payload(intendedAt: number, bytes: number): string {
  const head = `{"t":${intendedAt.toFixed(3)},"pad":"`;
  return `${head}${'x'.repeat(Math.max(0, bytes - head.length - 2))}"}`;
}

const MARK = Buffer.from('{"t":');
const COMMA = 0x2c;

/** Finds the time in a frame or record without parsing it, so that the generator stays lean. */
export function intendedTimeIn(bytes: Buffer): number {
  const start = bytes.indexOf(MARK) + MARK.length;
  return Number(bytes.toString('latin1', start, bytes.indexOf(COMMA, start)));
}

export function readJob<Job>(): Job {
  return JSON.parse(process.argv[2] ?? '{}') as Job;
}
