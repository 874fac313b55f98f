import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { waitFor } from '../../test/support/wait-for.ts';
import { watchHeap } from './large-heap.ts';

const MB = 1_048_576;
const MODULE = new URL('large-heap.ts', import.meta.url).href;

test('a heap that grows large is seen to once, a small one is let alone', async () => {
  let used = 100 * MB;
  let looks = 0;
  const flags: string[] = [];
  const usedBytes = () => {
    looks += 1;
    return used;
  };
  const stop = watchHeap({ usedBytes, setFlag: (flag) => flags.push(flag), everyMs: 1 });
  await waitFor(() => looks > 3);
  expect(flags).toEqual([]);
  used = 200 * MB;
  await waitFor(() => flags.length > 0);
  const seen = looks;
  const witness = watchHeap({ usedBytes: () => 0 * ++used, setFlag: () => {}, everyMs: 1 });
  await waitFor(() => used > 200 * MB + 5);
  expect([flags.length, looks]).toEqual([1, seen]);
  witness();
  stop();
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
  // At once and on one thread, so that it does not matter what else the machine does.
  const plain = ['--no-incremental-marking', '--single-threaded-gc'];
  const args = ['--input-type=module', '--max-semi-space-size=64', ...plain, '--eval', program];
  return Number(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}

test('it is V8’s fixed bound for buffers that makes a large heap be looked through again and again, and this lifts it', () => {
  const fixed = fullCollections('');
  const shared = fullCollections(`import { watchHeap } from '${MODULE}'; watchHeap({ everyMs: 1 });`);
  expect(fixed).toBeGreaterThanOrEqual(8);
  expect(shared).toBeLessThanOrEqual(fixed / 3);
}, 60_000);
