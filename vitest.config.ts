import { defineConfig } from 'vitest/config';

/** Files whose tests bring streams, brokers or servers of their own, and leave the shared ones alone. */
const STREAMS =
  'test/integration/{continuity,kafka,presence,redis,registry,resume-history,sequencer,snapshots,verify}{,-*}.test.ts';

/**
 * Six lanes: `unit` and `simulation` need nothing running; `integration` owns a real stack and kills parts of it; `streams` shares one Kafka and
 * one registry, so it can run beside; `browser` adds real Chromium; `k6` runs the load scripts against a gateway that breaks promises.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            '{core,adapters,schemas,gateway,consumers,client,cli,scripts,bench}/**/*.test.ts',
            'test/{unit,checker,faults}/**/*.test.ts',
          ],
          pool: 'forks',
          // Property tests take seconds on a machine that does other things too.
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'simulation',
          include: ['test/simulation/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          exclude: [STREAMS],
          globalSetup: ['test/integration/stack.setup.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'streams',
          include: [STREAMS],
          globalSetup: ['test/integration/stack.setup.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'k6',
          include: ['test/k6/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          globalSetup: ['test/integration/stack.setup.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 90_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
