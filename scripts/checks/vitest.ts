/** Lanes that vitest runs, counted test by test from its JSON report. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ROOT } from '../stack/root.ts';
import { stopStack } from '../stack/start.ts';
import { command, lastLines } from './command.ts';
import { fail, type Lane, type LaneContext, type LaneResult } from './lane.ts';
import { abandonedStacks } from './leftovers.ts';

/** What is used of the report; the format is Jest's. */
interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

const MESSAGE_LINES = 25;

export function vitestLane(
  project: string,
  about: string,
  setUp: (context: LaneContext) => Promise<Record<string, string>> = async () => ({}),
  { tools = [], after = [], beside = false }: Pick<Lane, 'tools' | 'after' | 'beside'> = {},
): Lane {
  return {
    name: project,
    about,
    tools,
    after,
    beside,
    run: async (context) => {
      const reportFile = join(context.workDir, `${project}.json`);
      const argv = [
        ...[process.execPath, join(ROOT, 'node_modules', 'vitest', 'vitest.mjs')],
        ...['run', '--project', project, '--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`],
      ];
      const stateRoot = join(context.stateRoot, project);
      mkdirSync(stateRoot);
      const env = { ROOMLOG_TEST_STATE_ROOT: stateRoot, ROOMLOG_TEST_KEEP: '1', ...(await setUp(context)) };
      const { code, output } = await command(argv, { aborted: context.aborted, env });
      for (const paths of abandonedStacks(stateRoot)) await stopStack(paths, () => {});
      if (!existsSync(reportFile)) return fail(`vitest wrote no report and ended with ${code}`, ...lastLines(output));
      const result = countReport(JSON.parse(readFileSync(reportFile, 'utf8')) as Report);
      if (result.passed + result.failed === 0) return fail(`there are no ${project} tests`, ...lastLines(output));
      if (code === 0 || result.failed > 0) return result;
      return { ...result, failed: 1, notes: [`all tests passed, but vitest ended with ${code}`, ...lastLines(output)] };
    },
  };
}

export function countReport(report: Report): LaneResult {
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  const notes: string[] = [];
  for (const file of report.testResults) {
    const path = relative(ROOT, file.name);
    const before = failed;
    for (const test of file.assertionResults) {
      if (test.status === 'passed') passed += 1;
      else if (test.status === 'failed') {
        failed += 1;
        notes.push(`FAILED ${path}: ${test.fullName}`, ...indent(test.failureMessages.join('\n')));
      } else {
        skipped += 1;
        notes.push(`skipped ${path}: ${test.fullName}`);
      }
    }
    // A file that can't be loaded, or whose hooks fail, has no failed test of its own.
    if (file.status === 'failed' && failed === before) {
      failed += 1;
      notes.push(`FAILED ${path}`, ...indent(file.message));
    }
  }
  return { passed, failed, skipped, notes };
}

function indent(text: string): string[] {
  return text
    .split('\n')
    .slice(0, MESSAGE_LINES)
    .map((line) => `  ${line}`);
}
