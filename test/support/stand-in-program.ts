/** What this process forks runs a program of the test's in place of its own: for what starts, watches and stops processes. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const { execPath } = process;

export class StandInProgram {
  /** For what its processes leave behind. */
  readonly folder = mkdtempSync(join(tmpdir(), 'roomlog-stand-in-'));

  /** From now on forks run this module's source. */
  use(source: string): void {
    const file = join(this.folder, 'program.mjs');
    writeFileSync(file, source);
    const stand = join(this.folder, 'node');
    writeFileSync(stand, `#!/bin/sh\nexec '${execPath}' '${file}'\n`);
    chmodSync(stand, 0o755);
    process.execPath = stand;
  }

  /** Forks run what they are given again. */
  restore(): void {
    process.execPath = execPath;
  }

  remove(): void {
    this.restore();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
