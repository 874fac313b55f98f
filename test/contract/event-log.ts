/** What every implementation of the log port must do; run against each adapter. */
import { afterAll, beforeAll, describe } from 'vitest';
import { appendContract } from './event-log-append.ts';
import { groupContract } from './event-log-group.ts';
import { rangeContract } from './event-log-range.ts';
import { tailContract } from './event-log-tail.ts';
import { transactionContract } from './event-log-transactions.ts';
import { type LogHarness, LogUnderTest } from './log-under-test.ts';

export function eventLogContract(name: string, makeHarness: () => Promise<LogHarness>): void {
  describe(`${name} keeps the contract of the log port:`, () => {
    const world = new LogUnderTest();
    beforeAll(async () => world.begin(await makeHarness()), 120_000);
    afterAll(() => world.end(), 60_000);

    appendContract(world);
    tailContract(world);
    transactionContract(world);
    rangeContract(world);
    groupContract(world);
  });
}
