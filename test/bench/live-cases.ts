import * as baseline from './baseline.js'
import type { Case, Measured } from './case.js'
import * as subject from './live-subjects.js'
import { cpuOf, median, type Round, ratios, rounds } from './measure.js'

const BRANCHES = 100
const CHUNKS = 1_000
const BUFFER = 64
const PRODUCERS = 8

const measured = (all: readonly Round[]): Measured => ({
  samples: ratios(all),
  baseline: median(all.map((round) => round.baseline)),
})
const bareMerge = () => baseline.mergeByHand(Array.from({ length: BRANCHES }, () => baseline.bareProducer(CHUNKS)))
const merging = (all: () => Promise<number>) => async () => {
  const checked = async (): Promise<void> => {
    const read = await all()
    if (read !== BRANCHES * CHUNKS) throw new RangeError(`${read} chunks were read.`)
  }
  return measured(await rounds(7, checked, bareMerge, 1))
}

/** Milliseconds on the wall clock: a wait is no work. */
async function wallOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

async function firstSuccess(): Promise<Measured> {
  const all: Round[] = []
  for (let i = 0; i < 9; i++) {
    const byHand = await wallOf(() => baseline.raceByHand(50, 2_000))
    const ours = await wallOf(() => subject.firstSuccess(50, 2_000))
    if (i >= 2) all.push({ subject: ours, baseline: byHand })
  }
  return measured(all)
}

const held = (): number => {
  for (let i = 0; i < 2; i++) globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

/** Kilobytes of heap per waiting branch, after a forced collection. */
async function heldByEach(start: (count: number) => Promise<() => unknown>): Promise<number> {
  const [few, many] = [100, 10_000]
  const warm = await start(few)
  await warm()
  const before = held()
  const end = await start(many)
  const each = (held() - before) / many / 1024
  await end()
  return each
}

async function waitingMemory(): Promise<Measured> {
  const bare = await heldByEach(baseline.waitingActors)
  return { samples: [await heldByEach(subject.waitingForMessages)], baseline: bare }
}

const SOME = 500

/** Microseconds of CPU to cancel one of `count` live branches, its signal fired in the same tick. */
async function costOfOne(count: number): Promise<number> {
  const waiting = await subject.waitingBranches(count, 'collect')
  const cost = await cpuOf(() => {
    for (let i = 0; i < SOME; i++) waiting.cancelOne(i * Math.floor(count / SOME))
  })
  if (waiting.fired() !== SOME) throw new RangeError(`${waiting.fired()} signals fired.`)
  await waiting.end()
  return cost / SOME
}

async function cancelOne(): Promise<Measured> {
  const all: Round[] = []
  for (let i = 0; i < 11; i++) {
    const plain = baseline.abortAll(SOME)
    const one = (await cpuOf(plain.abort)) / SOME
    const cost = await costOfOne(10_000)
    if (i >= 4) all.push({ subject: cost, baseline: one })
  }
  return measured(all)
}

async function cancelGrowth(): Promise<Measured> {
  const all: Round[] = []
  for (let i = 0; i < 9; i++) {
    const few: number[] = []
    const many: number[] = []
    for (let turn = 0; turn < 3; turn++) {
      few.push(await costOfOne(1_000))
      many.push(await costOfOne(10_000))
    }
    if (i >= 2) all.push({ subject: median(many), baseline: median(few) })
  }
  return measured(all)
}

/** From the success of one to the last signal of all others. */
async function cancelRest(): Promise<Measured> {
  const count = 10_000
  const all: Round[] = []
  for (let i = 0; i < 11; i++) {
    const plain = baseline.abortAll(count - 1)
    const plainCost = await cpuOf(plain.abort)
    const waiting = await subject.waitingBranches(count, 'first')
    let cost = 0
    const before = process.cpuUsage()
    await waiting.winOne(() => {
      const { user, system } = process.cpuUsage(before)
      cost = user + system
    })
    await waiting.end()
    if (i >= 4) all.push({ subject: cost, baseline: plainCost })
  }
  return measured(all)
}

const counted = (count: () => Promise<number>, against: number) => async (): Promise<Measured> => ({
  samples: [await count()],
  baseline: against,
})

const x = '× baseline'
/** Streams, races and cancels. */
export const liveCases: readonly Case[] = [
  { name: 'stream.merge', unit: x, target: 2.5, run: merging(() => subject.streamAll(BRANCHES, CHUNKS)) },
  { name: 'merge.apps', unit: x, target: undefined, run: merging(() => subject.mergeAll(BRANCHES, CHUNKS)) },
  { name: 'stream.first', unit: 'macrotasks', target: 1, run: counted(subject.turnsToFirst, 1) },
  {
    // Every producer may hold one chunk more than the buffer: it is emitted before its producer waits.
    name: 'stream.bound',
    unit: 'chunks ahead',
    target: BUFFER + PRODUCERS,
    run: counted(() => subject.unreadAfterOne(PRODUCERS), BUFFER),
  },
  { name: 'reader.unread', unit: 'MB', target: 2, run: counted(() => subject.heldUnread(100_000), 0) },
  { name: 'memory.waiting', unit: 'kB a branch', target: 3.4, run: waitingMemory },
  { name: 'first.success', unit: x, target: 1.15, run: firstSuccess },
  { name: 'cancel.one', unit: '× one abort', target: 20, run: cancelOne },
  { name: 'cancel.growth', unit: '× of 1 000', target: 1.5, run: cancelGrowth },
  { name: 'cancel.rest', unit: x, target: 3, run: cancelRest },
]
