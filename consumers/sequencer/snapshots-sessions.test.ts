import { describe, expect, test } from 'vitest';
import type { Offset } from '../../core/ids.ts';
import { inboundEvent, session } from '../../test/support/memory-stream.ts';
import { movableClock } from '../../test/support/movable-clock.ts';
import { until } from '../../test/support/running-sequencers.ts';
import { HOUR_MS, p0, World } from '../../test/support/snapshots-world.ts';

describe('sessions', () => {
  const codesOf = (world: World, inbound: Offset) =>
    world.stream
      .outbound(p0)
      .filter(({ record }) => record.inbound === inbound)
      .map(({ record }) => record.answer?.code ?? 'event');

  test('expire by log time, and none of their numbers is accepted again, whatever was deleted and restarted', async () => {
    const clock = movableClock();
    const world = new World({ sessionMaxAgeMs: HOUR_MS }, clock);
    const old = session(clock.now());
    const ask = async (expected: string) => {
      const { offset } = world.stream.publish(inboundEvent({ session: old, pub: 1 }));
      await until(() => expect(codesOf(world, offset)).toEqual([expected]));
    };
    let sequencer = await world.start('a');
    await ask('event');
    await ask('duplicate');
    for (const [n, passMs] of [HOUR_MS / 2, HOUR_MS, 2 * HOUR_MS, 24 * HOUR_MS].entries()) {
      await sequencer.stop();
      await world.deleteCovered();
      clock.advance(passMs);
      sequencer = await world.start(`b${n}`);
      await ask(n === 0 ? 'duplicate' : 'session_unknown');
    }
  });

  test('that were forgotten stay unknown under a longer sessionMaxAgeMs', async () => {
    const clock = movableClock();
    const world = new World({ sessionMaxAgeMs: HOUR_MS }, clock);
    const old = session(clock.now());
    const first = world.stream.publish(inboundEvent({ session: old, pub: 1 }));
    let sequencer = await world.start('a');
    await until(() => expect(codesOf(world, first.offset)).toEqual(['event']));
    clock.advance(4 * HOUR_MS);
    world.publish(1);
    await world.seqOf('r', 2);
    await sequencer.stop();
    await world.deleteCovered();
    const config = { ...world.stream.config.sequencer, sessionMaxAgeMs: 24 * HOUR_MS };
    sequencer = await world.start('b', { config });
    const again = world.stream.publish(inboundEvent({ session: old, pub: 1 }));
    await until(() => expect(codesOf(world, again.offset)).toEqual(['session_unknown']));
  });
});
