import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { bundleWorker } from '../tools/bundle-worker.js'
import { bundleProgram, CORE, measureSizes } from '../tools/size.js'
import { ROOT } from '../tools/vitest-report.js'
import { cases } from './cases.js'

interface Line {
  readonly case: string
  readonly value: number
  readonly unit: string
  readonly baseline: number
  readonly target: number | null
  readonly ok: boolean
  readonly samples: readonly number[]
  readonly skipped?: string
}

const usage = `Usage: npm run bench [-- case…] [-- --json]

Measures Teasel against plain baselines, each case in a process of its own, and prints the median of several rounds.
A name stands for every case that begins with it. Cases: ${cases.map(({ name }) => name).join(', ')}.`

async function prepare(): Promise<Record<string, string>> {
  const worker = await bundleWorker('bench', undefined, 'worker', {
    'pool-worker': 'src/adapters/worker/index.ts',
    'exec-registry': 'test/bench/exec-registry.ts',
    'jobs-worker': 'test/bench/jobs-worker.ts',
  })
  const core = join(dirname(worker), 'core.mjs')
  writeFileSync(core, await bundleProgram(CORE))
  const sizes = JSON.stringify(await measureSizes())
  return { worker, TEASEL_BENCH_ROOT: ROOT, TEASEL_BENCH_CORE: `file://${core}`, TEASEL_BENCH_SIZES: sizes }
}

const figure = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toFixed(2))

function row({ case: name, value, unit, target, ok, samples, skipped }: Line): string {
  if (skipped !== undefined) return `${name.padEnd(16)} skipped: ${skipped}`
  const spread = samples.length < 2 ? '' : `${figure(Math.min(...samples))} – ${figure(Math.max(...samples))}`
  const verdict = target === null ? 'printed' : ok ? 'ok' : 'OVER'
  return `${name.padEnd(16)} ${figure(value).padStart(8)} ${unit.padEnd(14)} ${(target === null ? '' : `≤ ${target}`).padEnd(8)} ${verdict.padEnd(8)} ${spread}`
}

const args = process.argv.slice(2)
const json = args.includes('--json')
const wanted = args.filter((arg) => !arg.startsWith('-'))
const chosen = cases.filter(
  ({ name }) => wanted.length === 0 || wanted.some((want) => name === want || name.startsWith(`${want}.`)),
)
const unknown = wanted.filter((want) => !cases.some(({ name }) => name === want || name.startsWith(`${want}.`)))

if (args.includes('--help') || unknown.length > 0 || args.some((arg) => arg.startsWith('-') && arg !== '--json')) {
  if (unknown.length > 0) console.error(`There is no case ${unknown.join(', ')}.`)
  console.error(usage)
  process.exit(args.includes('--help') ? 0 : 2)
}

const { worker = '', ...env } = await prepare()
if (!json)
  console.log(
    `${'case'.padEnd(16)} ${'value'.padStart(8)} ${'unit'.padEnd(14)} ${'target'.padEnd(8)} ${''.padEnd(8)} least – most`,
  )
for (const { name } of chosen) {
  const run = spawnSync(process.execPath, ['--expose-gc', worker, name], {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...process.env, ...env },
  })
  if (run.status !== 0) {
    console.error(`${name} failed:\n${run.stderr}`)
    process.exitCode = 1
    continue
  }
  const line = JSON.parse(run.stdout) as Line
  console.log(json ? JSON.stringify(line) : row(line))
  if (!line.ok) process.exitCode = 1
}
