/** How fast clients may come to this gateway: what a handshake or a join costs is taken from those who are live. */
import type { Metrics } from '../../adapters/telemetry/metrics.ts';
import type { Config } from '../../core/config/schema.ts';
import { RoomlogError } from '../../core/errors.ts';
import { PacedLine } from '../../core/limits/paced-line.ts';
import type { Clock } from '../../core/ports/clock.ts';

type Limits = Pick<Config['gateway'], 'handshakesPerSecond' | 'joinsPerSecond' | 'acceptWaitMs'>;

export class AcceptPace {
  readonly handshakes: PacedLine;
  readonly #joins: PacedLine;

  constructor(
    { handshakesPerSecond, joinsPerSecond, acceptWaitMs: maxWaitMs }: Limits,
    clock: Clock,
    metrics: Metrics,
  ) {
    this.handshakes = new PacedLine({ perSecond: handshakesPerSecond, maxWaitMs, clock });
    this.#joins = new PacedLine({ perSecond: joinsPerSecond, maxWaitMs, clock });
    const lines = [
      ['handshake', this.handshakes],
      ['join', this.#joins],
    ] as const;
    metrics.gauge('roomlog_accept_waiting', 'Handshakes and joins that wait in line for their turn.', () =>
      lines.map(([what, { waiting }]) => [waiting, { what }] as const),
    );
    metrics.gauge('roomlog_accept_refused', 'Handshakes and joins that found the line full, since the start.', () =>
      lines.map(([what, { refused }]) => [refused, { what }] as const),
    );
  }

  /** Resolves when a join's turn has come; one that `isWanted` no more costs nobody a turn. Throws `unavailable` where too many wait. */
  join(isWanted: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const begin = (): boolean => {
        resolve();
        return isWanted();
      };
      const retryAfter = this.#joins.enter(begin);
      if (retryAfter === 0) return;
      reject(new RoomlogError('unavailable', 'Too many clients join at once.', { details: { retryAfter } }));
    });
  }

  stop(): void {
    this.handshakes.stop();
    this.#joins.stop();
  }
}
