/** `roomlog topics create`: for installations that bring their own Kafka. */
import type { Command } from 'commander';
import { topicsOf } from '../../core/names.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { addConfigOptions } from '../config.ts';
import { globalOptions } from '../globals.ts';
import { createOutput } from '../output.ts';
import { readServicesConfig } from '../services.ts';

export function define(command: Command): void {
  addConfigOptions(
    command
      .command('create')
      .description('Create the topics that are missing and register the schemas. What exists is left as it is.'),
  ).action(async (_options: unknown, self: Command) => {
    const globals = globalOptions(self.optsWithGlobals());
    const output = createOutput(globals.output);
    const { config } = readServicesConfig(self, globals);
    const [{ ensureTopics }, { Registry }] = await Promise.all([
      import('../../adapters/kafka/topics.ts'),
      import('../../adapters/registry/registry.ts'),
    ]);
    const { created, existing } = await ensureTopics(config, silentLog);
    for (const topic of created) output.result(`${topic}: created`, { topic, created: true });
    for (const topic of existing) output.result(`${topic}: was there`, { topic, created: false });
    const ids = await new Registry(config.registry).registerAll(topicsOf(config.stream.prefix));
    output.result(`schemas: registered (ids ${Object.values(ids).join(', ')})`, { schemas: ids });
  });
}
