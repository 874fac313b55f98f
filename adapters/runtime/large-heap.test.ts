import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { watchHeap } from './large-heap.ts';

const MB = 1_048_576;
const MODULE = new URL('large-heap.ts', import.meta.url).href;

test('a heap that is large once garbage is gone is seen to once, a small one is let alone', () => {
  let used = 100 * MB;
  const flags: string[] = [];
  const looks = new Set<() => void>();
  const { stop } = watchHeap({
    usedBytes: () => used,
    setFlag: (flag) => flags.push(flag),
    afterFullCollections: (look) => {
      looks.add(look);
      return () => looks.delete(look);
    },
  });
  const collect = (): void => {
    for (const look of looks) look();
  };
  collect();
  expect(flags).toEqual([]);
  used = 200 * MB;
  expect(flags).toEqual([]);
  collect();
  collect();
  expect([flags.length, looks.size]).toEqual([1, 0]);
  stop();
});

test('of a small heap buffers count while the process is busy, of a large one for good', () => {
  let used = 100 * MB;
  let collect = () => {};
  const flags: string[] = [];
  const heap = watchHeap({
    usedBytes: () => used,
    setFlag: (flag) => flags.push(flag),
    afterFullCollections: (look) => {
      collect = look;
      return () => {};
    },
  });
  for (const isBusy of [false, true, true, false, false, true]) heap.busy(isBusy);
  const [on, off] = ['--external-memory-accounted-in-global-limit', '--no-external-memory-accounted-in-global-limit'];
  expect(flags).toEqual([on, off, on]);
  used = 200 * MB;
  collect();
  heap.busy(false);
  heap.busy(true);
  expect(flags).toEqual([on, off, on, on]);
});

/** Runs a program in a process of its own; what it says. */
function run(program: string): string {
  // At once and on one thread, so that it does not matter what else the machine does.
  const plain = ['--no-incremental-marking', '--single-threaded-gc', '--expose-gc'];
  const args = ['--input-type=module', '--max-semi-space-size=64', ...plain, '--eval', program];
  return execFileSync(process.execPath, args, { encoding: 'utf8' });
}

test('garbage makes no heap large, whatever comes of it between two full collections', () => {
  const told = run(`
    import { getHeapStatistics } from 'node:v8';
    import { watchHeap } from '${MODULE}';
    const flags = [];
    watchHeap({ setFlag: (flag) => flags.push(flag) });
    const turn = () => new Promise((resolve) => setTimeout(resolve, 5));
    const counts = [];
    for (const keeps of [false, true]) {
      // Too large for the young generation: it is there until everything is collected.
      let large = Array.from({ length: 20 }, () => new Array(1_000_000).fill(0.5));
      await turn();
      const used = getHeapStatistics().used_heap_size;
      if (!keeps) large = null;
      gc();
      await turn();
      counts.push([used > ${128 * MB}, flags.length]);
      globalThis.kept = large;
    }
    console.log(JSON.stringify(counts));
  `);
  expect(JSON.parse(told)).toEqual([
    [true, 0],
    [true, 1],
  ]);
});

/** Full collections of a process with a heap of about 200 MB that makes and drops 1 GB of buffers. */
function fullCollections(source: string): number {
  const program = `
    import { PerformanceObserver, constants } from 'node:perf_hooks';
    ${source}
    let full = 0;
    new PerformanceObserver((list) => {
      for (const { detail } of list.getEntries()) if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) full += 1;
    }).observe({ entryTypes: ['gc'] });
    const turn = () => new Promise((resolve) => setTimeout(resolve, 5));
    // Numbers, which nobody has to look through: what counts is how often it is done.
    const large = Array.from({ length: 12 }, () => new Array(2_000_000).fill(0.5));
    await turn();
    const before = full;
    const held = [];
    for (let number = 0; number < 16_000; number += 1) {
      held[number % 100] = Buffer.allocUnsafeSlow(65_536);
      if (number % 500 === 0) await turn();
    }
    await turn();
    console.log(full - before + 0 * large.length);
  `;
  return Number(run(program));
}

test('it is V8’s fixed bound for buffers that makes a large heap be looked through again and again, and this lifts it', () => {
  const fixed = fullCollections('');
  const shared = fullCollections(`import { watchHeap } from '${MODULE}'; watchHeap();`);
  expect(fixed).toBeGreaterThanOrEqual(8);
  expect(shared).toBeLessThanOrEqual(fixed / 3);
  const lifted = `import { watchHeap } from '${MODULE}'; const heap = watchHeap({ usedBytes: () => 0 }); heap.busy(true);`;
  expect(fullCollections(lifted)).toBeLessThanOrEqual(fixed / 3);
  expect(fullCollections(`${lifted} heap.busy(false);`)).toBeGreaterThanOrEqual(8);
}, 60_000);
