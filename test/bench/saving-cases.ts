import type { Case, Measured } from './case.js'
import { cpuOf, median, ratios, rounds } from './measure.js'
import { bareInserts, fannedOut, grown, halfDone, megabytes, rewritten } from './saving-subjects.js'

const against = (subject: () => unknown, baseline: () => unknown) => async (): Promise<Measured> => {
  const all = await rounds(7, subject, baseline)
  return { samples: ratios(all), baseline: median(all.map((round) => round.baseline)) }
}

/** 1: twice the steps take twice as long. */
async function exponent(measure: (count: number) => Promise<number>): Promise<Measured> {
  const samples: number[] = []
  await measure(500)
  for (let i = 0; i < 5; i++) samples.push(Math.log2((await measure(4_000)) / (await measure(1_000))) / 2)
  return { samples, baseline: 1 }
}

async function resume(): Promise<Measured> {
  const samples: number[] = []
  for (let i = 0; i < 3; i++) {
    const goOn = await halfDone(10_000)
    const start = performance.now()
    if ((await goOn()) !== 10_000 * 2 + (10_000 * 9_999) / 2) throw new RangeError('Not all branches were resumed.')
    samples.push(performance.now() - start)
  }
  return { samples, baseline: 0 }
}

const x = '× bare inserts'
/** What it costs to store an application, and to go on from what is stored. */
export const savingCases: readonly Case[] = [
  {
    name: 'save.sqlite',
    unit: x,
    target: 2,
    run: against(
      () => rewritten(1_000),
      () => bareInserts(1_000, 2_000),
    ),
  },
  {
    name: 'save.fanout',
    unit: x,
    target: 2.5,
    run: against(
      () => fannedOut(1_000),
      () => bareInserts(3_000, 100),
    ),
  },
  {
    name: 'save.growing',
    unit: x,
    target: 3,
    run: against(
      () => grown(2_000),
      () => bareInserts(2_000, 500),
    ),
  },
  {
    name: 'save.growing.time',
    unit: 'exponent',
    target: 1.2,
    run: () => exponent((count) => cpuOf(() => grown(count))),
  },
  {
    name: 'save.growing.disk',
    unit: 'MB',
    target: 8,
    run: async () => ({ samples: [megabytes(await grown(2_000))], baseline: 0 }),
  },
  {
    name: 'save.growing.size',
    unit: 'exponent',
    target: 1.2,
    run: () => exponent(async (count) => megabytes(await grown(count))),
  },
  { name: 'resume', unit: 'ms', target: undefined, run: resume },
]
