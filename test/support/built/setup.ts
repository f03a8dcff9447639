import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type BuildOptions, build } from 'esbuild'
import type { TestProject } from 'vitest/node'
import { publicEntries } from '../../tools/entries.js'
import { readTree } from '../../tools/source-tree.js'
import { ROOT } from '../../tools/vitest-report.js'
import type { Built } from './hooks.js'

// Owns: a built `src/` for the processes and threads that tests start. Its source would cost each of them a second.

/** Modules of `src/` that are no public entry points, and that such processes import. */
const ALSO = ['cli/main', 'internal/deferred', 'internal/platform', 'testing/executor-graphs'].map(
  (path) => `src/${path}.ts`,
)
const WORKER = 'adapters/worker/index.js'

const options: BuildOptions = {
  format: 'esm',
  platform: 'node',
  target: 'node20',
  keepNames: true,
  logLevel: 'error',
}

/** Builds before the first test, once for all parts of the tests, and again before the tests of a watched change. */
export async function setup(project: TestProject): Promise<(() => void) | undefined> {
  if (process.env['TEASEL_BUILT'] !== undefined) return undefined
  mkdirSync(join(ROOT, '.cache'), { recursive: true })
  const folder = mkdtempSync(join(ROOT, '.cache/built-'))
  await buildInto(folder)
  project.onTestsRerun(() => buildInto(folder))
  process.env['TEASEL_BUILT'] = urlOf(folder)
  // A program of an example starts its workers by `tsx`.
  process.env['TSX_TSCONFIG_PATH'] = join(folder, 'tsconfig.json')
  return () => rmSync(folder, { recursive: true, force: true })
}

const urlOf = (folder: string): string => `${pathToFileURL(folder).href}/`

async function buildInto(folder: string): Promise<void> {
  const entries = publicEntries(ROOT)
  const sources = [...entries.map(({ source }) => source), ...ALSO]
  const texts = [...readTree(ROOT, 'test'), ...readTree(ROOT, 'examples')]
    .map(({ path }) => path)
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
  await Promise.all([
    build({
      ...options,
      ...{ bundle: true, splitting: true, packages: 'external', external: ['#page'] },
      ...{ entryPoints: sources.map((path) => join(ROOT, path)), outbase: join(ROOT, 'src'), outdir: folder },
    }),
    build({ ...options, entryPoints: [join(ROOT, 'test/support/built/hooks.ts')], outdir: folder }),
    build({
      ...options,
      entryPoints: texts.map((path) => join(ROOT, path)),
      outbase: ROOT,
      outdir: join(folder, 'texts'),
    }),
  ])
  const pathOf = (source: string): string => join(folder, source.replace('src/', '').replace(/ts$/, 'js'))
  const modules = Object.fromEntries([
    ...entries.map(({ name, source }) => [name, pathToFileURL(pathOf(source)).href]),
    ...sources.map((source) => [pathToFileURL(join(ROOT, source)).href, pathToFileURL(pathOf(source)).href]),
  ])
  const data: Built = {
    modules,
    root: urlOf(join(ROOT, '.')),
    folder: urlOf(folder),
    texts: urlOf(join(folder, 'texts')),
  }
  writeFileSync(join(folder, 'loader.js'), loaderText(data))
  const worker = join(folder, WORKER)
  writeFileSync(worker, `import '../../loader.js'\n${readFileSync(worker, 'utf8')}`)
  const paths = Object.fromEntries(entries.map(({ name, source }) => [name, [pathOf(source)]]))
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ extends: '../../tsconfig.json', compilerOptions: { paths } }),
  )
}

/** A module that makes its process or thread import TypeScript. A worker below it needs no `tsx` either. */
const loaderText = (data: Built): string => `import { register } from 'node:module'
process.env.TEASEL_SOURCE = '1'
register('./hooks.js', import.meta.url, { data: ${JSON.stringify(data)} })
`
