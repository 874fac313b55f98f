/** `roomlog config check` and `roomlog config doc`. */
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { configJsonSchema, describeConfig, redactConfig } from '../../core/config/describe.ts';
import { addConfigOptions, readConfig } from '../config.ts';

export function define(command: Command): void {
  addConfigOptions(
    command
      .command('check')
      .description('Check a configuration; print the whole of it, defaults included, secrets not.'),
  ).action((_options: unknown, self: Command) => {
    const { output } = self.optsWithGlobals<{ output: string }>();
    const config = redactConfig(readConfig(self));
    process.stdout.write(output === 'json' ? `${JSON.stringify(config)}\n` : stringify(config));
  });
  command
    .command('doc')
    .description('Print docs/configuration.md; with -o json the JSON schema of a file.')
    .action((_options: unknown, self: Command) => {
      const { output } = self.optsWithGlobals<{ output: string }>();
      process.stdout.write(output === 'json' ? `${JSON.stringify(configJsonSchema(), null, 2)}\n` : describeConfig());
    });
}
