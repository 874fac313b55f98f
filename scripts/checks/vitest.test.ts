import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../stack/root.ts';
import { countReport } from './vitest.ts';

const file = (status: string, tests: readonly string[], message = '') => ({
  name: join(ROOT, 'core/x.test.ts'),
  status,
  message,
  assertionResults: tests.map((result, index) => ({
    fullName: `test ${index}`,
    status: result,
    failureMessages: result === 'failed' ? ['expected 1 to be 2'] : [],
  })),
});

describe('a report of vitest', () => {
  it('is counted test by test, with a note for what did not pass', () => {
    const { notes, ...counts } = countReport({
      testResults: [file('failed', ['passed', 'failed', 'pending', 'passed']), file('passed', ['passed'])],
    });
    expect(counts).toEqual({ passed: 3, failed: 1, skipped: 1 });
    expect(notes).toEqual(['FAILED core/x.test.ts: test 1', '  expected 1 to be 2', 'skipped core/x.test.ts: test 2']);
  });

  it('counts a file that could not be loaded as a failure', () => {
    expect(countReport({ testResults: [file('failed', [], 'no such module')] })).toEqual({
      passed: 0,
      failed: 1,
      skipped: 0,
      notes: ['FAILED core/x.test.ts', '  no such module'],
    });
  });

  it('counts a file whose hook failed after its tests passed', () => {
    expect(countReport({ testResults: [file('failed', ['passed'], 'afterAll')] })).toMatchObject({
      passed: 1,
      failed: 1,
    });
  });
});
