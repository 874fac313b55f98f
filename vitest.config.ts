import { defineConfig } from 'vitest/config';

/** Three lanes: `unit` needs nothing running; `integration` owns a real stack; `browser` adds real Chromium. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            '{core,adapters,schemas,gateway,consumers,client,cli,scripts,bench}/**/*.test.ts',
            'test/{unit,checker}/**/*.test.ts',
          ],
          pool: 'forks',
          // Property tests take seconds on a machine that does other things too.
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          globalSetup: ['test/integration/stack.setup.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 120_000,
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
