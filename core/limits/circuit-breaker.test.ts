import { beforeEach, describe, expect, it } from 'vitest';
import { CircuitBreaker, type CircuitBreakerOptions } from './circuit-breaker.ts';

let now = 0;
let opened = 0;
beforeEach(() => {
  now = 1_000;
  opened = 0;
});
const breaker = (more: Partial<CircuitBreakerOptions> = {}): CircuitBreaker =>
  new CircuitBreaker({
    now: () => now,
    maxFailures: 3,
    maxTryingMs: Number.POSITIVE_INFINITY,
    pauseMs: 100,
    maxPauseMs: 400,
    onOpened: () => {
      opened += 1;
    },
    ...more,
  });
const fail = (circuit: CircuitBreaker, times: number): void => {
  for (let time = 0; time < times; time += 1) circuit.failed();
};

describe('a circuit breaker', () => {
  it('opens after so many failures in a row, and not before', () => {
    const circuit = breaker();
    fail(circuit, 2);
    circuit.succeeded();
    fail(circuit, 2);
    expect([circuit.state, circuit.admit(), opened]).toEqual(['closed', true, 0]);
    circuit.failed();
    expect([circuit.state, circuit.admit(), opened]).toEqual(['open', false, 1]);
  });

  it('opens when nothing has succeeded for too long, though no try has failed yet', () => {
    const circuit = breaker({ maxFailures: Number.POSITIVE_INFINITY, maxTryingMs: 500 });
    now += 10_000;
    expect(circuit.state).toBe('closed');
    circuit.tried();
    now += 400;
    circuit.tried();
    now += 100;
    expect(circuit.state).toBe('closed');
    now += 1;
    expect([circuit.state, opened]).toEqual(['open', 1]);
    circuit.succeeded();
    now += 10_000;
    expect(circuit.state).toBe('closed');
  });

  it('lets one probe through after a pause, and closes when that succeeds', () => {
    const circuit = breaker();
    fail(circuit, 3);
    now += 99;
    expect(circuit.admit()).toBe(false);
    now += 1;
    expect(circuit.state).toBe('half-open');
    expect([circuit.admit(), circuit.admit(), circuit.admit()]).toEqual([true, false, false]);
    circuit.succeeded();
    expect([circuit.state, circuit.admit(), circuit.admit()]).toEqual(['closed', true, true]);
  });

  it('waits twice as long after every probe that fails, up to a limit, and is as patient as before once closed', () => {
    const circuit = breaker();
    fail(circuit, 3);
    const pauses = [];
    for (let probe = 0; probe < 4; probe += 1) {
      const since = now;
      while (!circuit.admit()) now += 1;
      pauses.push(now - since);
      circuit.failed();
    }
    expect(pauses).toEqual([100, 200, 400, 400]);
    expect(opened).toBe(1);
    now += 400;
    expect(circuit.admit()).toBe(true);
    circuit.succeeded();
    fail(circuit, 3);
    now += 100;
    expect(circuit.admit()).toBe(true);
  });

  it('lets another probe through where nothing is ever heard of one', () => {
    const circuit = breaker();
    fail(circuit, 3);
    now += 100;
    expect(circuit.admit()).toBe(true);
    now += 99;
    expect(circuit.admit()).toBe(false);
    now += 1;
    expect(circuit.admit()).toBe(true);
  });

  it('opens at once where it is told so, and probes at once where something says that it may be back', () => {
    const circuit = breaker();
    circuit.trip();
    circuit.trip();
    expect([circuit.state, opened]).toEqual(['open', 1]);
    circuit.mayBeBack();
    expect(circuit.state).toBe('half-open');
    expect([circuit.admit(), circuit.admit()]).toEqual([true, false]);
    circuit.failed();
    expect(circuit.state).toBe('open');
  });

  it('is not opened later by failures of what was begun before: those keep it open', () => {
    const circuit = breaker();
    fail(circuit, 3);
    now += 90;
    circuit.failed();
    now += 90;
    expect(circuit.state).toBe('open');
    now += 10;
    expect(circuit.state).toBe('half-open');
  });
});
