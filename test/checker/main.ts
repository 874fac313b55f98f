/**
 * Judges a run that was kept in files: `node test/checker/main.ts history.jsonl log.jsonl [options as JSON]`. Prints the
 * report as JSON; exit code 1 where the run did not pass, 2 where the files can't be read as what they should be.
 */
import { readFileSync } from 'node:fs';
import { type CheckOptions, check } from './check.ts';
import { parseHistory } from './history.ts';
import { parseLog } from './log-line.ts';

const [historyPath, logPath, options = '{}'] = process.argv.slice(2);
if (historyPath === undefined || logPath === undefined) {
  process.stderr.write(
    'usage: main.ts <history.jsonl> <log.jsonl> [\'{"leastAcked":1000,"faults":["broker-killed"]}\']\n',
  );
  process.exit(2);
}
try {
  const history = parseHistory(readFileSync(historyPath, 'utf8'));
  const log = parseLog(readFileSync(logPath, 'utf8'));
  const report = check(history, log, JSON.parse(options) as CheckOptions);
  process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  process.exitCode = report.passed ? 0 : 1;
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
