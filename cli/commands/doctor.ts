/** `roomlog doctor`: asks everything that Roomlog stands on, and says what to change. */
import type { Command } from 'commander';
import { addConfigOptions } from '../config.ts';
import type { Check } from '../doctor/check.ts';
import { EXIT } from '../exit.ts';
import { globalOptions } from '../globals.ts';
import { createOutput, type Output } from '../output.ts';
import { readServicesConfig } from '../services.ts';

export function define(command: Command): void {
  addConfigOptions(command).action(async (_options: unknown, self: Command) => {
    const globals = globalOptions(self.optsWithGlobals());
    const output = createOutput(globals.output);
    const { config, stack } = readServicesConfig(self, globals);
    const [{ checkMachine }, { checkKafka }, { checkRegistry, checkRedis }, { checkProcesses }] = await Promise.all([
      import('../doctor/machine.ts'),
      import('../doctor/kafka.ts'),
      import('../doctor/stores.ts'),
      import('../doctor/processes.ts'),
    ]);
    const groups = [
      checkMachine(config),
      checkKafka(config),
      checkRegistry(config),
      checkRedis(config),
      stack === null ? [] : checkProcesses(stack, globals.stateDir),
    ];
    // kafkajs asks for timers in the past, and Node warns of that.
    process.removeAllListeners('warning');
    const checks: Check[] = [];
    for (const group of groups) {
      for (const check of await group) {
        checks.push(check);
        report(output, check);
      }
    }
    process.exitCode = verdict(checks);
  });
}

function report(output: Output, check: Check): void {
  const advice = check.change === undefined ? '' : `\n${' '.repeat(13)}to change: ${check.change}`;
  output.result(`${check.status.padEnd(11)}  ${check.name}: ${check.message}${advice}`, check);
}

function verdict(checks: readonly Check[]): number {
  if (checks.some(({ status }) => status === 'unreachable')) return EXIT.unreachable;
  return checks.some(({ status }) => status === 'finding') ? EXIT.finding : EXIT.ok;
}
