import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkSums, listSums, parseSums } from './checksums.ts';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'roomlog-sums-'));
  mkdirSync(join(dir, 'lib'));
  writeFileSync(join(dir, 'a.jar'), 'one');
  writeFileSync(join(dir, 'lib', 'b.jar'), 'two');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('a checksum list', () => {
  it('accepts the folder that it was made of', async () => {
    expect(await checkSums(dir, parseSums(await listSums(dir)))).toEqual([]);
  });

  it('has the format of sha256sum', async () => {
    expect(await listSums(dir)).toContain('7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed  a.jar\n');
  });

  it('tells damage, absence, and jars that nobody listed', async () => {
    const sums = parseSums(await listSums(dir));
    writeFileSync(join(dir, 'a.jar'), 'onE');
    rmSync(join(dir, 'lib', 'b.jar'));
    writeFileSync(join(dir, 'c.jar'), '');
    expect(await checkSums(dir, sums)).toEqual([
      'a.jar has another checksum',
      'c.jar is not expected',
      'lib/b.jar is missing',
    ]);
  });

  it('refuses a line that is none', () => {
    expect(() => parseSums('deadbeef  a.jar\n')).toThrow('Not a line of a checksum list: "deadbeef  a.jar"');
  });
});
