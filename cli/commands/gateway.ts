/** `roomlog gateway`: runs a gateway, or several on one port, until SIGTERM or SIGINT. */
import type { Command } from 'commander';
import { stopTimeoutMs } from '../../gateway/drain.ts';
import { addConfigOptions, readConfig } from '../config.ts';
import { serveUntilSignal } from '../serve.ts';

export function define(command: Command): void {
  command.option('--workers <n>', 'short for --gateway-workers: gateway processes on one port');
  addConfigOptions(command).action(async ({ workers }: { workers?: string }, self: Command) => {
    if (workers !== undefined) self.setOptionValue('gatewayWorkers', workers);
    const config = readConfig(self);
    const withinMs = stopTimeoutMs(config.gateway);
    if (config.gateway.workers > 1) {
      const { startWorkers } = await import('../../gateway/workers/supervisor.ts');
      await serveUntilSignal(startWorkers(config), withinMs);
      return;
    }
    const { startGateway } = await import('../../gateway/main.ts');
    await serveUntilSignal(startGateway(config), withinMs);
  });
}
