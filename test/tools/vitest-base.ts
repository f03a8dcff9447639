import { fileURLToPath } from 'node:url'
import type { ViteUserConfig } from 'vitest/config'
import { publicEntries } from './entries.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** What every run of the tests shares. */
export const base = {
  resolve: {
    alias: publicEntries(root).map(({ name, source }) => ({
      find: new RegExp(`^${name}$`),
      replacement: `${root}${source}`,
    })),
  },
  test: {
    root,
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/built/setup.ts'],
    // A passing test prints nothing here; a failing one shows everything.
    silent: 'passed-only',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // On two processors its default is one.
    maxWorkers: '100%',
    passWithNoTests: true,
    coverage: {
      provider: 'v8',
      include: ['src/**'],
      reporter: ['json-summary'],
      reportsDirectory: `${root}.cache/coverage`,
      reportOnFailure: true,
    },
  },
} satisfies ViteUserConfig
