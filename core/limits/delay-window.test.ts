import { beforeEach, describe, expect, it } from 'vitest';
import { DelayWindow } from './delay-window.ts';

let now = 0;
let next = 0;
beforeEach(() => {
  now = 0;
  next = 0;
});
const create = (targetMs = 1_000, maxWindow = 10_000): DelayWindow =>
  new DelayWindow({ now: () => now, targetMs, maxWindow });
const enter = (window: DelayWindow, count: number): void => {
  for (let index = 0; index < count; index += 1) window.entered(next++);
};

describe('a delay window', () => {
  it('becomes what a worker of any speed works off within the target', () => {
    for (const perMs of [0.2, 1, 5]) {
      const window = create();
      next = 0;
      let out = 0;
      // As much as the window lets in, worked off at the worker's speed.
      for (let tick = 0; tick < 20_000; tick += 1) {
        enter(window, Math.max(0, window.window - window.size));
        now += 1;
        for (const due = Math.floor((tick + 1) * perMs); out < due; out += 1) window.cameOut(out);
      }
      expect(window.window).toBeGreaterThan(perMs * 1_000 * 0.8);
      expect(window.window).toBeLessThan(perMs * 1_000 * 1.2);
      expect(window.waitMs).toBeLessThan(1_300);
    }
  });

  it('never stands in the way of a quick worker with little to do', () => {
    const window = create();
    for (let count = 0; count < 100; count += 1) {
      enter(window, 1);
      now += 5;
      window.cameOut(next - 1);
      now += 1_000;
      expect(window.window).toBeGreaterThanOrEqual(200);
    }
  });

  it('does not take a long way for a slow worker', () => {
    const window = create();
    for (let count = 0; count < 100; count += 1) {
      enter(window, 5);
      now += 400;
      window.cameOut(next - 1);
      expect(window.window).toBeGreaterThanOrEqual(200);
    }
    enter(window, 200);
    now += 2_000;
    window.cameOut(next - 1);
    expect(window.window).toBeLessThan(200);
  });

  it('counts all that went in before as out, when something comes out', () => {
    const window = create();
    enter(window, 10);
    now = 50;
    expect(window.oldestMs).toBe(50);
    window.cameOut(6);
    expect(window.size).toBe(3);
    window.withdrawn(8);
    window.cameOut(6);
    expect(window.size).toBe(2);
    window.cameOut(9);
    expect([window.size, window.oldestMs]).toEqual([0, 0]);
  });

  it('counts as a list would, whatever comes out, is withdrawn or unknown', () => {
    let seed = 7;
    const random = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return Math.floor((seed / 2 ** 31) * below);
    };
    const window = create(1_000, 100_000);
    let list: { number: number; atMs: number }[] = [];
    for (let step = 0; step < 20_000; step += 1) {
      now += random(3);
      const number = Math.max(0, next - 1 - random(60));
      const what = random(10);
      if (what < 6) {
        // Other partitions have numbers in between.
        next += random(3);
        list.push({ number: next, atMs: now });
        enter(window, 1);
      } else if (what < 8) {
        if (list.some((one) => one.number === number)) list = list.filter((one) => one.number > number);
        window.cameOut(number);
      } else {
        list = list.filter((one) => one.number !== number);
        window.withdrawn(number);
      }
      expect([window.size, window.oldestMs]).toEqual([list.length, list.length === 0 ? 0 : now - (list[0]?.atMs ?? 0)]);
    }
  });

  it('bounds what it counts', () => {
    const window = create(1_000, 10);
    enter(window, 1_000);
    expect(window.window).toBe(10);
    expect(window.size).toBe(40);
  });
});
