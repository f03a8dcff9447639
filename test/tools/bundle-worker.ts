import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build, type Plugin } from 'esbuild'
import { publicEntries } from './entries.js'
import { ROOT } from './vitest-report.js'

/** A mistake that a bundle is given: a text of a file of `src/`, and what stands there instead. */
export interface Bug {
  readonly file: string
  readonly from: string
  readonly to: string
}

/**
 * Bundles a worker of `test/` with what it needs of `src/`, so that its processes start fast; packages stay outside.
 * @param name its folder: `bench`, `chaos`
 * @param bug a mistake to put in, for a control
 * @returns the path of the bundle
 * @throws {TypeError} when the text of the mistake is not found exactly once: it has rotted
 */
export async function bundleWorker(name: string, bug?: Bug): Promise<string> {
  const outfile = join(ROOT, `node_modules/.cache/teasel-${name}/worker${bug === undefined ? '' : '-control'}.mjs`)
  await build({
    entryPoints: [join(ROOT, `test/${name}/worker.ts`)],
    bundle: true,
    format: 'esm',
    target: 'node20',
    platform: 'node',
    external: ['xstate', 'nanoid', 'libsql'],
    alias: Object.fromEntries(publicEntries(ROOT).map((entry) => [entry.name, join(ROOT, entry.source)])),
    plugins: bug === undefined ? [] : [await withBug(bug)],
    outfile,
  })
  return outfile
}

async function withBug({ file, from, to }: Bug): Promise<Plugin> {
  const path = join(ROOT, 'src', file)
  const text = await readFile(path, 'utf8')
  const found = text.split(from).length - 1
  if (found !== 1)
    throw new TypeError(`The bug of the control has rotted: its text stands ${found} times in src/${file}.`)
  return {
    name: 'bug',
    setup: ({ onLoad }) => {
      const contents = text.replace(from, () => to)
      onLoad({ filter: /\.ts$/ }, (args) => (args.path === path ? { contents, loader: 'ts' } : undefined))
    },
  }
}
