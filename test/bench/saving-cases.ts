import type { Case, Measured } from './case.js'
import { cpuOf, median, ratios, rounds } from './measure.js'
import { postgresSubjects, type ServerSubjects } from './postgres-subjects.js'
import { redisSubjects } from './redis-subjects.js'
import {
  bareInserts,
  dated,
  fannedOut,
  grown,
  halfDone,
  looked,
  megabytes,
  overText,
  rewritten,
} from './saving-subjects.js'

const against = (subject: () => unknown, baseline: () => unknown) => async (): Promise<Measured> => {
  const all = await rounds(7, subject, baseline)
  return { samples: ratios(all), baseline: median(all.map((round) => round.baseline)) }
}

// A whole state is written once for each doubling, so the sizes lie between doublings, too.
const SIZES = [1_000, 1_400, 2_000, 2_800, 4_000, 5_600, 8_000]

/** 1: twice the steps take twice as long. The slope of the line of least squares through the logarithms of all sizes. */
async function exponent(
  measure: (count: number) => Promise<number>,
  many: number,
  sizes: readonly number[] = SIZES,
): Promise<Measured> {
  const samples: number[] = []
  await measure(sizes[0] ?? 0)
  for (let i = 0; i < many; i++) {
    const points: [number, number][] = []
    for (const count of sizes) points.push([Math.log2(count), Math.log2(await measure(count))])
    samples.push(slope(points))
  }
  return { samples, baseline: 1 }
}

function slope(points: readonly (readonly [number, number])[]): number {
  const mean = (at: 0 | 1): number => points.reduce((sum, point) => sum + point[at], 0) / points.length
  const [x, y] = [mean(0), mean(1)]
  const sum = (of: (dx: number, dy: number) => number): number =>
    points.reduce((all, [px, py]) => all + of(px - x, py - y), 0)
  return sum((dx, dy) => dx * dy) / sum((dx) => dx * dx)
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

/** By the clock, not by CPU: most of the work is the server's. */
const onServer = (open: () => Promise<ServerSubjects | undefined>, count: number) => async (): Promise<Measured> => {
  const subjects = await open()
  if (subjects === undefined) return { samples: [], baseline: 0, skipped: 'no server is found' }
  const timed = async (work: (count: number) => Promise<void>): Promise<number> => {
    const start = performance.now()
    await work(count)
    return performance.now() - start
  }
  const { bareWrites: bare, rewritten: ours } = subjects
  // The compiler of the process is done with both after a few rounds.
  for (let i = 0; i < 4; i++) {
    await timed(bare)
    await timed(ours)
  }
  const all = []
  for (let i = 0; i < 7; i++) all.push({ baseline: await timed(bare), subject: await timed(ours) })
  await subjects.close()
  return { samples: ratios(all), baseline: median(all.map((round) => round.baseline * 1_000)) }
}

const x = '× bare inserts'
/** The cost of storing an application, and of resuming it. */
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
  { name: 'save.postgres', unit: x, target: 1.5, run: onServer(postgresSubjects, 1_000) },
  { name: 'save.redis', unit: '× a bare pipeline', target: 1.6, run: onServer(redisSubjects, 1_000) },
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
    run: () => exponent((count) => cpuOf(() => grown(count)), 5),
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
    run: () => exponent(async (count) => megabytes(await grown(count)), 1),
  },
  {
    name: 'save.dates',
    unit: 'exponent',
    target: 1.1,
    run: () => exponent(async (count) => megabytes(await dated(count)), 1, [100, 140, 200, 280, 400, 560, 800]),
  },
  {
    name: 'save.reads',
    unit: 'MB',
    target: 1.2,
    run: async () => ({ samples: [megabytes(await overText(50, 2 ** 20))], baseline: 1 }),
  },
  {
    name: 'look.waiting',
    unit: 'rows a branch',
    target: 2,
    run: async () => ({ samples: [await looked(3, 200)], baseline: 0 }),
  },
  { name: 'resume', unit: 'ms', target: undefined, run: resume },
]
