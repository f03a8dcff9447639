import { mergeConfig } from 'vitest/config'
import config from './vitest.config.js'

// For mutation testing: without slow tests that kill next to nothing beyond the others, and with less
// randomness.
export default mergeConfig(config, {
  test: {
    isolate: false,
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
    ],
  },
})
