import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: {
    alias: {
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
