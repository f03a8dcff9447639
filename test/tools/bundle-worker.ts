import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build, type Plugin } from 'esbuild'
import { publicEntries } from './entries.js'
import { ROOT } from './vitest-report.js'

/** A seeded mistake: a text of a file of `src/`, and its replacement. */
export interface Bug {
  readonly file: string
  readonly from: string
  readonly to: string
}

/** Packages that a bench loads as they are installed. */
const PACKAGES = ['xstate', 'nanoid', 'libsql', 'pg', 'bullmq', 'ioredis', '@opentelemetry/*']

/**
 * Bundles a worker of `test/` with its part of `src/` and with the packages that it uses, so that its processes start
 * fast: packages of many files cost each process several tenths of a second. Those of a bench stay outside, as a user has
 * them.
 * @param name its folder: `bench`, `chaos`
 * @param bug a seeded mistake, for a control
 * @param worker its file, without the extension
 * @param also further entry points by name, which share their code with it: modules that its own workers import
 * @returns the path of the bundle
 * @throws {TypeError} unless the text of the mistake is found exactly once
 */
export async function bundleWorker(
  name: string,
  bug?: Bug,
  worker = 'worker',
  also: Readonly<Record<string, string>> = {},
): Promise<string> {
  const outdir = join(ROOT, `node_modules/.cache/teasel-${name}${bug === undefined ? '' : '-control'}`)
  await build({
    entryPoints: {
      [worker]: join(ROOT, `test/${name}/${worker}.ts`),
      ...Object.fromEntries(Object.entries(also).map(([entry, file]) => [entry, join(ROOT, file)])),
    },
    splitting: true,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    format: 'esm',
    target: 'node20',
    platform: 'node',
    external: name === 'bench' ? PACKAGES : ['libsql', 'pg-native'],
    mainFields: ['module', 'main'],
    banner: {
      js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);",
    },
    alias: Object.fromEntries(publicEntries(ROOT).map((entry) => [entry.name, join(ROOT, entry.source)])),
    plugins: bug === undefined ? [NAMED] : [NAMED, await withBug(bug)],
    outdir,
  })
  return join(outdir, `${worker}.mjs`)
}

/** `import('ioredis')` has named exports, as in Node: a bundle gives such an import of CommonJS its default only. */
const NAMED: Plugin = {
  name: 'named',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^ioredis$/ }, ({ kind }) =>
      kind === 'dynamic-import' ? { path: 'ioredis', namespace: 'named' } : undefined,
    )
    onLoad({ filter: /.*/, namespace: 'named' }, () => ({
      contents: "import { Redis } from 'ioredis'\nexport { Redis }",
      resolveDir: ROOT,
    }))
  },
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
