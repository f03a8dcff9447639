import { join } from 'node:path'
import { build } from 'esbuild'
import { publicEntries } from './entries.js'
import { ROOT } from './vitest-report.js'

/**
 * Bundles a worker of `test/` with what it needs of `src/`, so that its processes start fast; packages stay outside.
 * @param name its folder: `bench`, `chaos`
 * @returns the path of the bundle
 */
export async function bundleWorker(name: string): Promise<string> {
  const outfile = join(ROOT, `node_modules/.cache/teasel-${name}/worker.mjs`)
  await build({
    entryPoints: [join(ROOT, `test/${name}/worker.ts`)],
    bundle: true,
    format: 'esm',
    target: 'node20',
    platform: 'node',
    external: ['xstate', 'nanoid', 'libsql'],
    alias: Object.fromEntries(publicEntries(ROOT).map((entry) => [entry.name, join(ROOT, entry.source)])),
    outfile,
  })
  return outfile
}
