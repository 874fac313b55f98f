/** Streams whose inbound is lost, recreated or rewound, and who repairs them. A test stops all that is `running`. */
import type { MemoryLog } from '../../adapters/memory/memory-log.ts';
import { type Diagnosis, diagnose } from '../../consumers/repair/diagnosis.ts';
import { type SkipResult, writeSkip } from '../../consumers/repair/skip.ts';
import { NO_EPOCH, NO_OFFSET, type Partition } from '../../core/ids.ts';
import type { OutboundRecord } from '../../core/log/record.ts';
import { inboundEvent, MemoryStream } from './memory-stream.ts';
import { RunningSequencers, sound } from './running-sequencers.ts';

export const p0 = 0 as Partition;
export const running = new RunningSequencers();

export const publish = (stream: MemoryStream, count: number): void => {
  for (let n = 0; n < count; n++) stream.publish(inboundEvent({ room: `room-${n % 4}` }));
};
export const later = () => new Promise((resolve) => setTimeout(resolve, 5));

/** A stream of one partition whose first `count` inbound records were answered. */
export async function answered(count: number): Promise<MemoryStream> {
  const stream = new MemoryStream();
  publish(stream, count);
  const before = await running.start(stream, 'before');
  await sound(stream);
  await before.stop();
  await later();
  return stream;
}

export class Operator {
  readonly log: MemoryLog;
  readonly #stream: MemoryStream;
  nonces = 100;

  constructor(stream: MemoryStream) {
    this.#stream = stream;
    this.log = stream.cluster.open('operator');
  }

  get #source() {
    return { log: this.log, codec: this.#stream.codec, topics: this.#stream.topics };
  }

  diagnose(): Promise<Diagnosis> {
    return diagnose(this.#source, p0);
  }

  async plan(): Promise<Extract<Diagnosis, { kind: 'skip' }>> {
    const diagnosis = await this.diagnose();
    if (diagnosis.kind !== 'skip') throw new Error(`nothing to skip: ${diagnosis.why}`);
    return diagnosis;
  }

  async skip(): Promise<SkipResult> {
    const { plan, folded } = await this.plan();
    return this.write(plan, folded);
  }

  write(...[plan, folded]: [Parameters<typeof writeSkip>[1], Parameters<typeof writeSkip>[2]]): Promise<SkipResult> {
    const random = (bytes: number) => Buffer.alloc(bytes, this.nonces++);
    return writeSkip({ ...this.#source, partitions: this.#stream.partitions, random, readBackMs: 300 }, plan, folded);
  }
}

/** A claim as any sequencer could write it. */
export function foreignClaim(stream: MemoryStream): void {
  const claims = stream.judge(p0).claims;
  const claim = { ...(claims.at(-1) as OutboundRecord).claim, nonce: Buffer.alloc(16, 77) };
  const header = { epoch: NO_EPOCH, inbound: NO_OFFSET, prevInbound: NO_OFFSET, inboundTime: 0 };
  const record = { ...header, claim, event: null, answer: null, skipped: null } as OutboundRecord;
  stream.cluster.write(stream.topics.outbound, p0, { value: stream.codec.encodeOutbound(record) });
}
