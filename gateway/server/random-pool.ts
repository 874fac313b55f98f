/** Random bytes from the system, fetched for many askers at once: each fetch costs as much as a kilobyte of it. */
import { randomBytes } from 'node:crypto';

const POOL_BYTES = 4_096;

/** Returns a function that gives so many bytes, none of them ever twice. */
export function randomPool(fetch: (bytes: number) => Uint8Array = randomBytes): (bytes: number) => Uint8Array {
  let pool = new Uint8Array(0);
  let used = 0;
  return (bytes) => {
    if (bytes > POOL_BYTES) return fetch(bytes);
    if (used + bytes > pool.byteLength) {
      pool = Uint8Array.from(fetch(POOL_BYTES));
      used = 0;
    }
    used += bytes;
    return pool.subarray(used - bytes, used);
  };
}
