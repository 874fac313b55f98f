import { describe, expect, test } from 'vitest';
import { countRounds, playInTurn, voidReasons } from './rounds.ts';

const quiet = { stolen: 0 };

describe('rounds of a bench', () => {
  test('count where everything around had room', () => {
    expect(voidReasons({ load: 0.9, brokers: 0.9, stolen: 0.08 })).toEqual([]);
  });

  test.each([
    ['the load generator', { load: 0.91, stolen: 0 }, 'load generator 91 % busy'],
    ['the brokers', { brokers: 0.95, stolen: 0 }, 'brokers 95 % busy'],
    ['the hypervisor', { stolen: 0.1 }, '10 % stolen by the hypervisor'],
  ])('are void where %s took too much', (_, surroundings, reason) => {
    expect(voidReasons(surroundings)).toEqual([reason]);
  });

  test('are played in turn, and void ones are repeated and counted', async () => {
    const order: string[] = [];
    const played = await playInTurn({
      sides: ['ours', 'theirs'],
      repeats: 2,
      play: async (side) => {
        order.push(side);
        return voidReasons(order.length === 2 ? { stolen: 0.5 } : quiet);
      },
      isVoid: (reasons) => reasons.length > 0,
    });
    // Theirs lost its first round; it plays on until it has two.
    expect(order).toEqual(['ours', 'theirs', 'ours', 'theirs', 'theirs']);
    expect(played.get('theirs')?.void).toHaveLength(1);
    expect(countRounds(played.values())).toEqual({ rounds: 4, voidRounds: 1 });
  });

  test('are not repeated without bound', async () => {
    let tried = 0;
    const played = await playInTurn({
      sides: ['ours'],
      repeats: 3,
      tries: 2,
      play: async () => ++tried,
      isVoid: () => true,
    });
    expect(tried).toBe(6);
    expect(played.get('ours')).toEqual({ valid: [], void: [1, 2, 3, 4, 5, 6] });
  });
});
