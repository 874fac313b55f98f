/** The gateways and sequencers of a local stack, by their admin ports. */
import type { RaisedAlarm } from '../../core/alarms.ts';
import type { Stack } from '../stack.ts';
import { type Check, finding, ok, reasonOf } from './check.ts';

const ASK_TIMEOUT_MS = 5_000;
/** Inbound records not sequenced yet, per sequencer, above which it is behind. */
const MAX_LAG_RECORDS = 10_000;

interface PartitionHealth {
  readonly partition: number;
  readonly state: string;
  readonly lagRecords?: number | null;
  readonly error?: unknown;
}

export async function checkProcesses(stack: Stack, stateDir: string): Promise<Check[]> {
  const all = [...stack.sequencers, ...stack.gateways];
  return await Promise.all(all.map(({ name, admin }) => checkProcess(name, admin, stateDir)));
}

async function checkProcess(name: string, admin: string, stateDir: string): Promise<Check> {
  const again = `scripts/up --restart ${name} --state-dir ${stateDir}; its log is in ${stateDir}/logs`;
  try {
    const ready = await ask(`${admin}/ready`);
    if (ready.status !== 200) return finding(name, `is not ready: ${String(ready.body.reason ?? ready.status)}`, again);
    const { body } = await ask(`${admin}/health`);
    const partitions = (body.partitions ?? []) as readonly PartitionHealth[];
    const halted = partitions.filter(({ error }) => error !== null && error !== undefined);
    if (halted.length > 0) {
      const named = halted.map(({ partition, error }) => `${partition} (${JSON.stringify(error)})`).join(', ');
      return finding(name, `has stopped at partitions ${named}`, 'see what its log says there, and docs/guarantees.md');
    }
    const [alarm] = (body.alarms ?? []) as readonly RaisedAlarm[];
    if (alarm !== undefined) {
      const where = alarm.partition === null ? '' : ` in partition ${alarm.partition}`;
      return finding(name, `raised ${alarm.alarm}${where}: ${alarm.found}`, alarm.wayOut);
    }
    const lag = partitions.reduce((sum, { lagRecords }) => sum + (lagRecords ?? 0), 0);
    if (lag > MAX_LAG_RECORDS) return finding(name, `is ${lag} records behind`, 'wait, or start another sequencer');
    return ok(name, `${String(body.status ?? 'ready')} at ${admin}`);
  } catch (thrown) {
    return finding(name, `does not answer at ${admin}: ${reasonOf(thrown)}`, again);
  }
}

async function ask(url: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(url, { signal: AbortSignal.timeout(ASK_TIMEOUT_MS) });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}
