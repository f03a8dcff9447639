import { join } from 'node:path'
import { brotliDecompressSync, gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { publicEntries } from './entries.js'
import { buildPage } from './page.js'
import { ROOT } from './vitest-report.js'

/** A small program and the limit of its bundle: minified and gzipped, without xstate. */
interface Budget {
  /** Its case of `npm run bench`: `size.declare`. */
  readonly name: 'declare' | 'sequential' | 'maps' | 'core'
  /** The file that is bundled. */
  readonly program: string
  readonly aimBytes: number
  /**
   * A ratchet, at most 2 % above what was reached: a heavier bundle closes the gate. Lower it with every byte that is
   * saved; raise it for new features only.
   */
  readonly mostBytes: number
}

const KIB = 1024
/** The program with all exports of `teasel`. */
export const CORE = 'src/index.ts'

// Raised by 0.1 kB for the graph of a tracked run and the inputs of a step in its event; by 1.8 kB for spans, levels of
// logs and progress; by 2.4 kB for the engine's side of questions with limits, sleeps, retries and time limits whose
// moments are stored, `app.pending` and `app.due`, and branches that hold less memory while they wait; by 0.05 kB for
// cancels that another process asks for, and as much for large bytes beside texts; by 0.8 kB for the cancel of a whole map;
// by 0.05 kB for queue times, workers and carried traces; by 0.07 kB for the limit that a map shares and for the actions of a
// product, each with any number of branches.
// No program without a persister loads code that reads or writes a store.
const BUDGETS: readonly Budget[] = [
  { name: 'declare', program: 'test/tools/sizes/declare.ts', aimBytes: 11 * KIB, mostBytes: 11 * KIB },
  { name: 'sequential', program: 'test/tools/sizes/sequential.ts', aimBytes: 26 * KIB, mostBytes: 63_900 },
  { name: 'maps', program: 'test/tools/sizes/maps.ts', aimBytes: 35 * KIB, mostBytes: 63_900 },
  { name: 'core', program: CORE, aimBytes: 38 * KIB, mostBytes: 68_110 },
]

/** The bundle of a program, minified; xstate stays outside. */
export async function bundleProgram(program: string): Promise<string> {
  const made = await build({
    entryPoints: [join(ROOT, program)],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    external: ['xstate'],
    alias: Object.fromEntries(publicEntries(ROOT).map((entry) => [entry.name, join(ROOT, entry.source)])),
    write: false,
    legalComments: 'none',
  })
  return made.outputFiles[0]?.text ?? ''
}

/** The weights of the programs, in bytes, minified and gzipped. */
export async function measureSizes(): Promise<Readonly<Record<Budget['name'], number>>> {
  const sizes = { declare: 0, sequential: 0, maps: 0, core: 0 }
  for (const { name, program } of BUDGETS) sizes[name] = gzipSync(await bundleProgram(program), { level: 9 }).length
  return sizes
}

/** The most that a browser loads for the page, gzipped: its scripts together, and its style sheet. */
const PAGE: Readonly<Record<'js' | 'css', number>> = { js: 60 * KIB, css: 8 * KIB }

async function pageSizes(): Promise<Readonly<Record<'js' | 'css', number>>> {
  const sizes = { js: 0, css: 0 }
  for (const [path, { brotli }] of Object.entries(await buildPage())) {
    const kind = path.split('.').at(-1)
    const bytes = gzipSync(brotliDecompressSync(Buffer.from(brotli, 'base64')), { level: 9 }).length
    if (kind === 'js' || kind === 'css') sizes[kind] += bytes
  }
  return sizes
}

const kib = (bytes: number): string => (bytes / KIB).toFixed(1)

if (process.argv[1]?.endsWith('size.ts') === true) {
  const sizes = await measureSizes()
  const report = BUDGETS.map(({ name, aimBytes, mostBytes }) => {
    const most = sizes[name] > mostBytes ? `, OVER: ${sizes[name]} bytes, at most ${mostBytes}` : ''
    return `${name} ${kib(sizes[name])} (aim ${kib(aimBytes)}${most})`
  })
  const page = await pageSizes()
  for (const kind of ['js', 'css'] as const) {
    const most = page[kind] > PAGE[kind] ? `, OVER: at most ${PAGE[kind]} bytes` : ''
    report.push(`page.${kind} ${kib(page[kind])} (at most ${kib(PAGE[kind])}${most})`)
  }
  console.log(`KiB gzipped: ${report.join(' · ')}.`)
  const isOver =
    BUDGETS.some(({ name, mostBytes }) => sizes[name] > mostBytes) || page.js > PAGE.js || page.css > PAGE.css
  process.exitCode = isOver ? 1 : 0
}
