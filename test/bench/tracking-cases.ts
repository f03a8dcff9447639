import type { Case, Measured } from './case.js'
import { median, type Round, ratios, rounds } from './measure.js'
import { chunks, listing, longRun, savedSteps, tracked } from './tracking-subjects.js'

const against =
  (subject: () => unknown, baseline: () => unknown, { many = 7, warmUp = 2 } = {}) =>
  async (): Promise<Measured> => {
    const all = await rounds(many, subject, baseline, warmUp)
    return { samples: ratios(all), baseline: median(all.map((round) => round.baseline)) }
  }

/** By the clock: reading waits for the disk. */
async function timed(
  subject: () => Promise<unknown>,
  baseline: () => Promise<unknown>,
  many: number,
): Promise<Measured> {
  const time = async (work: () => Promise<unknown>): Promise<number> => {
    const start = performance.now()
    await work()
    return (performance.now() - start) * 1_000
  }
  await baseline()
  await subject()
  const all: Round[] = []
  for (let i = 0; i < many; i++) all.push({ baseline: await time(baseline), subject: await time(subject) })
  return { samples: ratios(all), baseline: median(all.map((round) => round.baseline)) }
}

/**
 * What a log adds to a stream of a thousand chunks a second, which waits for its source most of the time: the CPU time of
 * both while they wait and run, with all that a run has, from its beginning to its end. A stream without pauses would
 * measure something else: its lines are full before a tenth of a second has passed.
 */
async function streaming(): Promise<Measured> {
  const { pour, warmUp, dispose } = await chunks()
  await warmUp(400)
  const measured = await against(
    () => pour(2_000, true),
    () => pour(2_000, false),
    { many: 11 }, // a round is a few milliseconds of CPU time within two seconds
  )()
  await dispose()
  return measured
}

async function growing(): Promise<Measured> {
  const samples: number[] = []
  for (let i = 0; i < 5; i++) {
    const [small, large] = [await tracked(2_000), await tracked(16_000)]
    samples.push(Math.log2(large / small) / 3)
  }
  return { samples, baseline: 1 }
}

/** The cost of logs, of lists over them, and of looking into a long one. */
export const trackingCases: readonly Case[] = [
  {
    name: 'track',
    unit: '× saved steps',
    target: 1.3,
    // Compiling counts as CPU time, and files that grow cost more in some rounds than in others.
    run: against(
      () => savedSteps(2_000, true),
      () => savedSteps(2_000, false),
      { many: 21, warmUp: 8 },
    ),
  },
  {
    name: 'track.chunks',
    unit: '× untracked',
    target: 1.2,
    run: streaming,
  },
  {
    name: 'list.10k',
    unit: '× one readdir',
    target: 20,
    async run() {
      const { list, readdir } = await listing(10_000)
      return timed(list, readdir, 7)
    },
  },
  {
    name: 'open.100k',
    unit: '× reading',
    target: 3,
    async run() {
      const { open, read } = await longRun(100_000)
      return timed(open, read, 7)
    },
  },
  { name: 'log.growing', unit: 'exponent', target: 1.1, run: growing },
]
