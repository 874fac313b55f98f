/** Lists of SHA-256 sums in the format of sha256sum(1): 64 hex digits, two blanks, a relative path. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { RoomlogError } from '../../core/errors.ts';

/** Relative path → SHA-256 in hex. */
export type Sums = ReadonlyMap<string, string>;

const PARALLEL_FILES = 8;

export function parseSums(text: string): Sums {
  const sums = new Map<string, string>();
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [, sum, path] = /^([0-9a-f]{64}) [ *](.+)$/.exec(line) ?? [];
    if (sum === undefined || path === undefined) {
      throw new RoomlogError('stack_failed', `Not a line of a checksum list: ${JSON.stringify(line)}`);
    }
    sums.set(path, sum);
  }
  return sums;
}

/** What differs, one sentence each: missing files, files with other content, and jars that the list doesn't know. */
export async function checkSums(dir: string, sums: Sums): Promise<string[]> {
  const present = new Set(await filesIn(dir));
  const faults: string[] = [];
  const wanted = [...sums].sort(([a], [b]) => (a < b ? -1 : 1));
  await forEachParallel(wanted, async ([path, sum]) => {
    if (!present.has(path)) faults.push(`${path} is missing`);
    else if ((await sumOf(join(dir, path))) !== sum) faults.push(`${path} has another checksum`);
  });
  // A jar more would be on the class path.
  for (const path of present) if (path.endsWith('.jar') && !sums.has(path)) faults.push(`${path} is not expected`);
  return faults.sort();
}

/** The list of all files under `dir`, in the same format. */
export async function listSums(dir: string): Promise<string> {
  const lines: string[] = [];
  await forEachParallel(await filesIn(dir), async (path) => {
    lines.push(`${await sumOf(join(dir, path))}  ${path}\n`);
  });
  return lines.sort().join('');
}

async function filesIn(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(dir, join(entry.parentPath, entry.name)));
}

async function sumOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}

async function forEachParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await work(item);
  };
  await Promise.all(Array.from({ length: PARALLEL_FILES }, worker));
}
