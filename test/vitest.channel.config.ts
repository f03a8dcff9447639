import { mergeConfig } from 'vitest/config'
import { base } from './tools/vitest-base.js'

// The suites of branches, with every unstored branch behind a message channel, and less of the random.
export default mergeConfig(
  { ...base, test: { ...base.test, include: [] } },
  {
    test: {
      include: ['test/semantics/**/*.test.ts', 'test/embedding/**/*.test.ts', 'test/support/channel/*.test.ts'],
      exclude: ['**/node_modules/**', 'test/semantics/mutants/**'],
      isolate: false,
      testTimeout: 20_000,
      env: { TEASEL_HANDLE: 'channel', TEASEL_RUNS: '60', TEASEL_SCHEDULES: process.env['TEASEL_SCHEDULES'] ?? '1000' },
      setupFiles: ['test/support/channel/install.ts'],
    },
  },
)
