/** The short form of the fault runs: real brokers, proxies, processes killed and cut off, and the checker over what clients saw. */
import { join } from 'node:path';
import { ROOT } from '../stack/root.ts';
import { command, lastLines } from './command.ts';
import { fail, type Lane, skip } from './lane.ts';

const NODE_FLAGS = ['--disable-warning=ExperimentalWarning'];
const TIMEOUT_MS = 15 * 60_000;

export const faults: Lane = {
  name: 'faults',
  about: 'gateways, sequencers and brokers killed, frozen and cut off, short form of scripts/test-faults',
  tools: ['toxiproxy'],
  // Their brokers and these want the same cores.
  after: ['streams'],
  run: async (context) => {
    const tool = await context.tool('toxiproxy');
    if ('missing' in tool) return skip(tool.missing);
    const argv = [process.execPath, ...NODE_FLAGS, join(ROOT, 'test', 'faults', 'main.ts'), '--short'];
    const env = { ROOMLOG_TEST_STATE_ROOT: context.stateRoot };
    const { code, output, stdout } = await command(argv, { aborted: context.aborted, env, timeoutMs: TIMEOUT_MS });
    const [, passed, failed] = /^(\d+) passed, (\d+) failed$/m.exec(stdout) ?? [];
    if (passed === undefined || failed === undefined) {
      return fail(`scripts/test-faults --short ended with ${code ?? 'a signal'}`, ...lastLines(output));
    }
    const counts = { passed: Number(passed), failed: Number(failed), skipped: 0 };
    if (code === 0) return { ...counts, notes: [] };
    return { ...counts, failed: Math.max(1, counts.failed), notes: lastLines(output) };
  },
};
