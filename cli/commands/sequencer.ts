/** `roomlog sequencer`: runs a sequencer until SIGTERM or SIGINT. */
import type { Command } from 'commander';
import { addConfigOptions, readConfig } from '../config.ts';
import { serveUntilSignal } from '../serve.ts';

/** Its last snapshots are written meanwhile. */
const STOP_TIMEOUT_MS = 60_000;

export function define(command: Command): void {
  addConfigOptions(command).action(async (_options: unknown, self: Command) => {
    const config = readConfig(self);
    const { startSequencer } = await import('../../consumers/sequencer/main.ts');
    await serveUntilSignal(startSequencer(config), STOP_TIMEOUT_MS);
  });
}
