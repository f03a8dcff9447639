import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: {
    alias: {
      'teasel/persistence/sqlite': fileURLToPath(new URL('../src/adapters/sqlite/index.ts', import.meta.url)),
      'teasel/persistence': fileURLToPath(new URL('../src/persistence/index.ts', import.meta.url)),
      'teasel/testing': fileURLToPath(new URL('../src/testing/index.ts', import.meta.url)),
      'teasel/visualize': fileURLToPath(new URL('../src/visualize/index.ts', import.meta.url)),
      teasel: fileURLToPath(new URL('../src/index.ts', import.meta.url)),
    },
  },
  test: {
    root: fileURLToPath(new URL('..', import.meta.url)),
    include: ['test/**/*.test.ts'],
    testTimeout: 15_000,
    passWithNoTests: true,
  },
})
