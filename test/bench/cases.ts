import { spawnSync } from 'node:child_process'
import * as baseline from './baseline.js'
import type { Case, Measured } from './case.js'
import { execCases } from './exec-cases.js'
import { jobsCases } from './jobs-cases.js'
import { lagCases } from './lag-cases.js'
import { listingCases } from './listing-cases.js'
import { liveCases } from './live-cases.js'
import { cpuOf, median, type Round, ratios, rounds } from './measure.js'
import { millionCases } from './million-cases.js'
import { otelCases } from './otel-cases.js'
import { pageCases } from './page-cases.js'
import { savingCases } from './saving-cases.js'
import * as subject from './subjects.js'
import { trackingCases } from './tracking-cases.js'

const STEPS = 10_000

const measured = (all: readonly Round[]): Measured => ({
  samples: ratios(all),
  baseline: median(all.map((round) => round.baseline)),
})

// A run of ten thousand steps is too short for the clock of the CPU, so either side does it several times.
const times = (count: number, work: () => Promise<unknown>) => async () => {
  for (let i = 0; i < count; i++) await work()
}

const steps = (kind: 'sync' | 'async', observed: boolean) => async () => {
  const fn = async (n: number) => n + 1
  const run = times(10, () => subject.steps(kind, STEPS, observed))
  const loop = times(100, () => baseline.awaitLoop(STEPS, fn))
  const all = await rounds(9, run, loop, 3)
  return measured(all.map((round) => ({ subject: round.subject, baseline: round.baseline / 10 })))
}

// So are a thousand branches: the result would depend on a collection.
const fanOut = (count: number, many: number, often = 1) => {
  const [ours, bare] = [() => subject.fanOut(count), () => baseline.fanOut(count)]
  return async () => measured(await rounds(many, times(often, ours), times(often, bare), count > 10_000 ? 1 : 3))
}

const wide = async (): Promise<Measured> => {
  const [window, unbounded] = [() => subject.fanOut(10_000), () => subject.fanOutWide(10_000)]
  return measured(await rounds(9, unbounded, window, 3))
}

const together = async (): Promise<Measured> => {
  const count = 10_000
  const ours = () => subject.fanOutTogether(count, baseline.gate(count))
  return measured(await rounds(7, ours, () => baseline.fanOut(count, count, baseline.gate(count))))
}

async function growth(): Promise<Measured> {
  const small = (): Promise<number> =>
    cpuOf(async () => {
      for (let i = 0; i < 20; i++) await subject.fanOut(1_000)
    })
  await small()
  await subject.fanOut(100_000)
  const samples: number[] = []
  const costs: number[] = []
  for (let i = 0; i < 5; i++) {
    const perSmall = (await small()) / 20_000
    const perLarge = (await cpuOf(() => subject.fanOut(100_000))) / 100_000
    samples.push(perLarge / perSmall)
    costs.push(perSmall)
  }
  return { samples, baseline: median(costs) }
}

/** The peak memory of a process that did nothing else. */
async function memory(): Promise<Measured> {
  const before = process.memoryUsage.rss() / 2 ** 20
  await subject.fanOut(100_000)
  return { samples: [process.resourceUsage().maxRSS / 1024], baseline: before }
}

/** The cancel itself, in the tick of the call: every signal below fires. */
async function stop(): Promise<Measured> {
  const count = 10_000
  const all: Round[] = []
  for (let i = 0; i < 9; i++) {
    const plain = baseline.abortAll(count)
    const plainCost = await cpuOf(plain.abort)
    const { cancel, ended } = await subject.waiting(count)
    const cost = await cpuOf(() => {
      if (cancel() !== count) throw new RangeError('Not every signal fired in the same tick.')
    })
    await ended
    if (i >= 2) all.push({ subject: cost, baseline: plainCost })
  }
  return measured(all)
}

async function largeState(): Promise<Measured> {
  // 131 072 numbers of 8 bytes: 1 MB a key.
  return measured(
    await rounds(
      9,
      () => subject.wideState(131_072),
      () => subject.wideState(1),
      3,
    ),
  )
}

function startTime(code: string): number {
  const start = performance.now()
  spawnSync(process.execPath, ['--input-type=module', '-e', code], { stdio: 'ignore' })
  return performance.now() - start
}

async function importTime(): Promise<Measured> {
  const core = JSON.stringify(new URL(process.env['TEASEL_BENCH_CORE'] ?? '', import.meta.url).href)
  const xstate = JSON.stringify(import.meta.resolve('xstate'))
  const samples: number[] = []
  const bares: number[] = []
  // The minimum of a few starts is the steadiest figure.
  const least = (code: string): number => Math.min(...Array.from({ length: 5 }, () => startTime(code)))
  for (let i = 0; i < 7; i++) {
    const bare = least('')
    const theirs = least(`await import(${xstate})`) - bare
    samples.push((least(`await import(${core})`) - bare) / theirs)
    bares.push(theirs)
  }
  return { samples, baseline: median(bares) }
}

/** Measured by the parent process: the bundler is not part of it. */
const size = (name: string) => async (): Promise<Measured> => {
  const sizes = JSON.parse(process.env['TEASEL_BENCH_SIZES'] ?? '{}') as Readonly<Record<string, number>>
  return { samples: [(sizes[name] ?? Number.NaN) / 1024], baseline: 0 }
}

const x = '× baseline'
export const cases: readonly Case[] = [
  { name: 'step.sync', unit: x, target: 18, run: steps('sync', false) },
  { name: 'step.async', unit: x, target: 22, run: steps('async', false) },
  { name: 'step.observed', unit: x, target: 40, run: steps('async', true) },
  { name: 'fanout.1k', unit: x, target: 2.5, run: fanOut(1_000, 9, 10) },
  { name: 'fanout.10k', unit: x, target: 2.5, run: fanOut(10_000, 9) },
  { name: 'fanout.100k', unit: x, target: 2.5, run: fanOut(100_000, 5) },
  { name: 'fanout.wide', unit: '× window of 64', target: 1.3, run: wide },
  { name: 'fanout.together', unit: x, target: 2.5, run: together },
  { name: 'fanout.growth', unit: '× per branch', target: 1.3, run: growth },
  { name: 'fanout.memory', unit: 'MB', target: 250, run: memory },
  {
    name: 'fanout.subgraph',
    unit: x,
    target: 4,
    run: async () =>
      measured(
        await rounds(
          7,
          () => subject.fanOutGraphs(10_000),
          () => baseline.fanOut(10_000),
        ),
      ),
  },
  {
    name: 'fanout.nested',
    unit: x,
    target: undefined,
    run: async () =>
      measured(
        await rounds(
          7,
          () => subject.fanOutNested(100),
          () => baseline.fanOut(10_000),
        ),
      ),
  },
  { name: 'stop.10k', unit: x, target: 3, run: stop },
  ...liveCases,
  ...lagCases,
  ...execCases,
  ...jobsCases,
  ...savingCases,
  ...listingCases,
  ...millionCases,
  ...pageCases,
  ...otelCases,
  ...trackingCases,
  { name: 'state.large', unit: '× small state', target: 1.2, run: largeState },
  { name: 'import', unit: '× xstate', target: 1.4, run: importTime },
  { name: 'size.declare', unit: 'KiB', target: 11, run: size('declare') },
  { name: 'size.sequential', unit: 'KiB', target: 26, run: size('sequential') },
  { name: 'size.maps', unit: 'KiB', target: 35, run: size('maps') },
  { name: 'size.core', unit: 'KiB', target: 38, run: size('core') },
]
