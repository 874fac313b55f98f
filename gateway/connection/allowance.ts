/** How much one connection may send: frames, and bytes of frames, since it is the bytes that cost the parser its time. */
import type { Config } from '../../core/config/schema.ts';
import { TokenBucket } from '../../core/limits/token-bucket.ts';
import type { Clock } from '../../core/ports/clock.ts';

type Limits = Pick<
  Config['gateway'],
  'publishesPerSecond' | 'publishBurst' | 'publishBytesPerSecond' | 'publishBurstBytes'
>;

export class Allowance {
  readonly #frames: TokenBucket;
  readonly #bytes: TokenBucket;

  constructor(limits: Limits, { monotonic: now }: Pick<Clock, 'monotonic'>) {
    this.#frames = new TokenBucket({ perSecond: limits.publishesPerSecond, burst: limits.publishBurst, now });
    this.#bytes = new TokenBucket({ perSecond: limits.publishBytesPerSecond, burst: limits.publishBurstBytes, now });
  }

  /** 0, or the ms after which a frame would be taken. Asked before the frame is parsed. */
  takeBytes(bytes: number): number {
    return this.#bytes.take(bytes);
  }

  /** 0, or the ms after which one more command would be taken. */
  takeFrame(): number {
    return this.#frames.take();
  }
}
