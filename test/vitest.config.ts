import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { publicEntries } from './tools/entries.js'

const root = fileURLToPath(new URL('..', import.meta.url))

export default defineConfig({
  resolve: {
    alias: publicEntries(root).map(({ name, source }) => ({
      find: new RegExp(`^${name}$`),
      replacement: `${root}${source}`,
    })),
  },
  test: {
    root,
    include: ['test/**/*.test.ts'],
    testTimeout: 15_000,
    passWithNoTests: true,
  },
})
