import { describe, expect, it } from 'vitest';
import { readFlights } from './flights.ts';
import { parseOptions } from './options.ts';
import { Pace } from './pace.ts';

describe('flights', () => {
  it('come in the order of their departure, with five fields each', async () => {
    const first = [];
    for await (const flight of readFlights()) {
      first.push(flight);
      if (first.length === 1_000) break;
    }
    expect(first[0]).toEqual({
      date: '2001-01-01T00:01',
      origin: 'LAS',
      destination: 'PHL',
      delayMinutes: 33,
      distanceMiles: 2176,
    });
    expect(first.map(({ date }) => date)).toEqual(first.map(({ date }) => date).sort());
  });
});

describe('the pace', () => {
  it('spreads a second evenly', () => {
    const pace = new Pace(200, 0);
    expect(pace.waitMs(0)).toBe(0);
    pace.grant();
    expect(pace.waitMs(0)).toBe(5);
    expect(pace.waitMs(5)).toBe(0);
  });

  it('makes up for one second of a stall, not for all of it', () => {
    const pace = new Pace(100, 0);
    let granted = 0;
    while (pace.waitMs(60_000) === 0) {
      pace.grant();
      granted += 1;
    }
    expect(granted).toBe(101);
  });
});

describe('the options', () => {
  it('have their defaults', () => {
    expect(parseOptions([], {})).toMatchObject({ rate: 200, clients: 1, loop: false, stateDir: '.roomlog' });
  });

  it('tell all faults at once', () => {
    expect(() => parseOptions(['--rate', '0', '--clients', 'x'], {})).toThrow(/--rate .* --clients /s);
    expect(() => parseOptions(['--speed', '1'], {})).toThrow(/--speed/);
  });
});
