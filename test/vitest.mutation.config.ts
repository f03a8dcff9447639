import { mergeConfig } from 'vitest/config'
import config from './vitest.config.js'

// For mutation testing: without what costs time and kills next to nothing that the others leave, and with less of the
// random.
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
