/** `roomlog gateway`: runs a gateway until SIGTERM or SIGINT. */
import type { Command } from 'commander';
import { addConfigOptions, readConfig } from '../config.ts';
import { serveUntilSignal } from '../serve.ts';

export function define(command: Command): void {
  addConfigOptions(command).action(async (_options: unknown, self: Command) => {
    const config = readConfig(self);
    const { startGateway } = await import('../../gateway/main.ts');
    await serveUntilSignal(startGateway(config));
  });
}
