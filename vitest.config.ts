import { defineConfig } from 'vitest/config'

/** Three projects: `unit` answers in a minute or two, `e2e` starts processes and servers, `interop` needs outside readers. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            'test/unit/**/*.test.ts',
            'test/contract/**/*.test.ts',
            'test/golden/**/*.test.ts',
            'test/property/**/*.test.ts',
            'test/tidy.test.ts',
          ],
          // Files share their modules, which no test changes: loading them anew for each took half of the time.
          isolate: false,
          // Far beyond what any takes: a machine with much else to do must not fail them.
          testTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts', 'test/simulation/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          name: 'interop',
          include: ['test/interop/**/*.test.ts'],
          testTimeout: 900_000,
          hookTimeout: 1_800_000,
        },
      },
    ],
  },
})
