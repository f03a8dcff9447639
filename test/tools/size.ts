import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** Bytes that the core is to weigh one day, minified and gzipped, xstate not counted. `npm run bench -- size` tells. */
const AIM_BYTES = 20 * 1024

/**
 * Bytes that the core may weigh before the gate closes: a ratchet, at most 2 % above what was reached. Lower it with
 * every byte that is saved; raise it for what a user can do with it, and for nothing else.
 */
export const MOST_BYTES = 58_000

/** The bundle of everything that `teasel` exports, minified; xstate stays outside. */
export async function bundleCore(): Promise<string> {
  const made = await build({
    entryPoints: [`${ROOT}/src/index.ts`],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    external: ['xstate'],
    write: false,
    legalComments: 'none',
  })
  return made.outputFiles[0]?.text ?? ''
}

/** What the core weighs, in bytes. */
export async function measureSize(): Promise<{ readonly minified: number; readonly gzipped: number }> {
  const text = await bundleCore()
  return { minified: text.length, gzipped: gzipSync(text, { level: 9 }).length }
}

if (process.argv[1]?.endsWith('size.ts') === true) {
  const { minified, gzipped } = await measureSize()
  console.log(`core: ${minified} bytes minified, ${gzipped} gzipped (at most ${MOST_BYTES}, aim ${AIM_BYTES}).`)
  process.exitCode = gzipped > MOST_BYTES ? 1 : 0
}
