/** `roomlog sequencer`: runs a sequencer until SIGTERM or SIGINT. */
import type { Command } from 'commander';
import { addConfigOptions, readConfig } from '../config.ts';
import { serveUntilSignal } from '../serve.ts';

export function define(command: Command): void {
  addConfigOptions(command).action(async (_options: unknown, self: Command) => {
    const config = readConfig(self);
    const { startSequencer } = await import('../../consumers/sequencer/main.ts');
    await serveUntilSignal(startSequencer(config));
  });
}
