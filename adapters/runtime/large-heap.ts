/**
 * How often V8 looks through a large heap. It begins a collection of everything whenever 64 MB of buffers have been made since the last one, however
 * large the heap is: a process that reads 50 MB/s of a log then marks all it holds once a second, so that an event costs the more the more rooms
 * there are. Told to count buffers with the heap itself, it waits until both have grown by their share. Small heaps keep the fixed bound: for them
 * it is cheap, and the share would be generous.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';

const FLAG = '--external-memory-accounted-in-global-limit';
/** In use, garbage included: from here on 64 MB are less than half of it. */
const LARGE_HEAP_BYTES = 134_217_728;
const LOOK_EVERY_MS = 2_000;

export interface HeapWatch {
  /** Bytes in use. */
  readonly usedBytes?: () => number;
  /** Hands V8 an option. */
  readonly setFlag?: (flag: string) => void;
  readonly everyMs?: number;
}

/** Looks now and then until the heap is large, and then sees to it, for good. The returned function ends the watch. */
export function watchHeap(watch: HeapWatch = {}): () => void {
  const { usedBytes = () => getHeapStatistics().used_heap_size, setFlag = setFlagsFromString } = watch;
  const timer = setInterval(() => {
    if (usedBytes() < LARGE_HEAP_BYTES) return;
    clearInterval(timer);
    setFlag(FLAG);
  }, watch.everyMs ?? LOOK_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}
