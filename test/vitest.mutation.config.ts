import { mergeConfig } from 'vitest/config'
import { base } from './tools/vitest-base.js'

// For mutation testing: without slow tests that kill next to nothing beyond the others, and with less randomness. A
// mutant that makes a test wait for ever is found by the time limit of the test. Limits are long enough for a busy
// machine, so that a slow test is no kill.
export default mergeConfig(base, {
  test: {
    isolate: false,
    testTimeout: 15_000,
    env: { TEASEL_RUNS: '60' },
    exclude: [
      '**/node_modules/**',
      'test/readme.test.ts',
      'test/snippets.test.ts',
      'test/architecture.test.ts',
      'test/examples/**',
      'test/tools/**',
      'test/visualize/**',
      'test/parity/rows.test.ts',
      'test/semantics/schedule/**',
      'test/semantics/mutants/**',
      'test/semantics/hostile.test.ts',
      'test/semantics/invariants.test.ts',
      'test/persistence/rebuilt.test.ts',
    ],
  },
})
