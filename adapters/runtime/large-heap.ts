/**
 * How often V8 looks through a large heap. It begins a collection of everything whenever 64 MB of buffers have been made since the last one, however
 * large the heap is: a process that reads 50 MB/s of a log then marks all it holds once a second, so that an event costs the more the more rooms
 * there are. Told to count buffers with the heap itself, it waits until both have grown by their share. Small heaps keep the fixed bound: their
 * share would be less than that, but while a process makes much.
 */
import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';

const FLAG = '--external-memory-accounted-in-global-limit';
const FLAG_OFF = '--no-external-memory-accounted-in-global-limit';
/** In use once garbage is gone: from here on 64 MB are less than half of it. */
const LARGE_HEAP_BYTES = 134_217_728;

/** Not in Node's types as it is. */
type CollectionEntry = PerformanceEntry & { readonly detail: { readonly kind: number } };

export interface HeapWatch {
  /** Bytes in use. */
  readonly usedBytes?: () => number;
  /** Hands V8 an option. */
  readonly setFlag?: (flag: string) => void;
  /** Calls back after collections of everything; the returned function ends that. */
  readonly afterFullCollections?: (look: () => void) => () => void;
}

export interface WatchedHeap {
  /** Whether the process makes buffers so fast that the fixed bound is reached about once a second: then they count with any heap, as long as that lasts. */
  busy(isBusy: boolean): void;
  stop(): void;
}

/** Looks after each full collection, until that leaves a large heap, and then sees to it, for good. With garbage, any heap is large now and then. */
export function watchHeap(watch: HeapWatch = {}): WatchedHeap {
  const { usedBytes = () => getHeapStatistics().used_heap_size, setFlag = setFlagsFromString } = watch;
  const { afterFullCollections = observeFullCollections } = watch;
  let [isLarge, wasBusy] = [false, false];
  const stop = afterFullCollections(() => {
    if (usedBytes() < LARGE_HEAP_BYTES) return;
    stop();
    isLarge = true;
    setFlag(FLAG);
  });
  return {
    busy: (isBusy) => {
      if (isBusy === wasBusy) return;
      wasBusy = isBusy;
      if (!isLarge) setFlag(isBusy ? FLAG : FLAG_OFF);
    },
    stop,
  };
}

function observeFullCollections(look: () => void): () => void {
  const observer = new PerformanceObserver((list) => {
    const entries = list.getEntries() as CollectionEntry[];
    if (entries.some(({ detail }) => detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR)) look();
  });
  observer.observe({ entryTypes: ['gc'] });
  return () => observer.disconnect();
}
