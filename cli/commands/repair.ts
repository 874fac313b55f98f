/** `roomlog repair skip`: lets partitions go on whose inbound was lost or recreated, after showing what is given up. */
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import type { Diagnosis } from '../../consumers/repair/diagnosis.ts';
import type { SkipResult } from '../../consumers/repair/skip.ts';
import type { Partition } from '../../core/ids.ts';
import { topicsOf } from '../../core/names.ts';
import { addConfigOptions } from '../config.ts';
import { parseCount } from '../duration.ts';
import { EXIT, usageError } from '../exit.ts';
import { globalOptions } from '../globals.ts';
import { openLog } from '../open-log.ts';
import { createOutput, type Output } from '../output.ts';
import { readServicesConfig } from '../services.ts';
import { planJson, planText } from './repair-plan.ts';

type Skip = Extract<Diagnosis, { kind: 'skip' }>;

interface Given {
  readonly partition?: string;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

export function define(command: Command): void {
  addConfigOptions(
    command
      .command('skip')
      .description('Give up inbound records that can’t be had any more, so that halted partitions go on.')
      .option('--partition <n>', 'only this partition; without it, all that have to')
      .option('--dry-run', 'show what would be given up, write nothing')
      .option('--yes', 'do not ask'),
  ).action(async (_options: unknown, self: Command) => {
    const given: Given = self.optsWithGlobals();
    const globals = globalOptions(self.optsWithGlobals());
    const only = given.partition === undefined ? null : (parseCount('--partition', given.partition, 0) as Partition);
    const { config } = readServicesConfig(self, globals);
    const output = createOutput(globals.output);
    const { log, codec } = await openLog(config, 'writes');
    try {
      const { diagnose } = await import('../../consumers/repair/diagnosis.ts');
      const source = { log, codec, topics: topicsOf(config.stream.prefix) };
      const partitions = await log.partitionCount(source.topics.outbound);
      if (only !== null && only >= partitions) {
        throw usageError(`The stream has the partitions 0 to ${partitions - 1}, and no ${only}.`);
      }
      const numbers = only === null ? Array.from({ length: partitions }, (_, number) => number as Partition) : [only];
      const found = await Promise.all(numbers.map((number) => diagnose(source, number)));
      const skips = report(found, output, only !== null);
      if (skips.length === 0) {
        output.say('Nothing to skip.');
        process.exitCode = EXIT.finding;
        return;
      }
      if (given.dryRun === true) return;
      if (given.yes !== true && !(await confirmed(skips))) {
        output.say('Nothing was written.');
        process.exitCode = EXIT.finding;
        return;
      }
      const { writeSkip } = await import('../../consumers/repair/skip.ts');
      for (const { plan, folded } of skips) {
        const options = { ...source, partitions, random: (bytes: number) => randomBytes(bytes) };
        tell(plan.partition, await writeSkip(options, plan, folded), output);
      }
    } finally {
      await log.close();
    }
  });
}

/** Shows each partition that has to skip, and why the others don't where one was asked for. */
function report(found: readonly Diagnosis[], output: Output, isOne: boolean): Skip[] {
  const skips: Skip[] = [];
  for (const diagnosis of found) {
    if (diagnosis.kind === 'skip') {
      skips.push(diagnosis);
      output.result(planText(diagnosis.plan), planJson(diagnosis.plan));
    } else if (diagnosis.kind === 'broken') {
      output.say(`partition ${diagnosis.partition}: a skip does not help, outbound can’t be folded: ${diagnosis.why}`);
    } else if (isOne) output.say(`partition ${diagnosis.partition}: not halted: ${diagnosis.why}`);
  }
  return skips;
}

async function confirmed(skips: readonly Skip[]): Promise<boolean> {
  if (process.stdin.isTTY !== true) throw usageError('There is no terminal to ask on: give --yes, or --dry-run.');
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  const where = skips.map(({ plan }) => plan.partition).join(', ');
  const answer = await asking.question(`Give this up for good in partition ${where}, and go on? Type "skip": `);
  asking.close();
  return answer.trim() === 'skip';
}

function tell(partition: Partition, result: SkipResult, output: Output): void {
  if (result.kind === 'skipped') {
    const text = `partition ${partition}: skipped, by the record at outbound ${result.offset} under the claim at ${result.epoch}`;
    output.result(text, { partition, skipped: true, outbound: result.offset, epoch: result.epoch });
    return;
  }
  output.result(`partition ${partition}: nothing was written: ${result.why}`, {
    partition,
    skipped: false,
    why: result.why,
  });
  process.exitCode = EXIT.finding;
}
