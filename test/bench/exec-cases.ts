import { inProcess } from 'teasel/executor'
import { processes } from 'teasel/executor/processes'
import { threads } from 'teasel/executor/threads'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { machines } from './baseline.js'
import type { Case, Measured } from './case.js'
import * as subject from './exec-subjects.js'
import { median, type Round, ratios, rounds } from './measure.js'
import { newFile } from './saving-subjects.js'

// By the clock, not by CPU: what counts is when the result is there, and the work is on several cores.

const worker = new URL('./pool-worker.mjs', import.meta.url)
const WORKERS = 2
const makers = {
  threads: () => threads({ workers: WORKERS, worker }),
  processes: () => processes({ workers: WORKERS, worker }),
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

/** Rounds of both, turn by turn, after a warm-up: workers have started by then, and code is compiled. */
export async function compared(
  count: number,
  ours: () => Promise<unknown>,
  bare: () => Promise<unknown>,
  warmUp = 4,
): Promise<Measured> {
  for (let i = 0; i < warmUp; i++) {
    await ours()
    await bare()
  }
  const all: Round[] = []
  for (let i = 0; i < count; i++) all.push({ baseline: await timed(bare), subject: await timed(ours) })
  return { samples: ratios(all), baseline: median(all.map((round) => round.baseline)) * 1_000 }
}

export const reference = () => machines(1_000)

const steps = (name: keyof typeof makers) => async (): Promise<Measured> => {
  await using executor = makers[name]()
  return await compared(15, () => subject.steps(executor), reference)
}

const durable = async (): Promise<Measured> => {
  await using executor = makers.threads()
  const stored = (where: Parameters<typeof subject.steps>[0]) => async (): Promise<void> => {
    const persister = sqlitePersister({ file: newFile() })
    await subject.steps(where, persister)
    await persister[Symbol.asyncDispose]()
  }
  return await compared(15, stored(executor), stored(inProcess()), 8)
}

const io = async (): Promise<Measured> => {
  await using executor = makers.threads()
  return await compared(
    9,
    () => subject.io(executor),
    () => subject.oneIo(executor),
    2,
  )
}

/** How many times as fast; the inverse of the ratio that other cases have. The best of five. */
const cpu = async (): Promise<Measured> => {
  await using executor = threads({ workers: WORKERS, tasksPerWorker: 1, worker })
  const { samples, baseline } = await compared(
    5,
    () => subject.hashes(executor),
    () => subject.hashes(inProcess()),
    2,
  )
  return { samples: [Math.min(...samples)], baseline }
}

const chunks = async (): Promise<Measured> => {
  await using executor = makers.threads()
  return await compared(
    7,
    () => subject.chunks(executor),
    () => subject.chunks(inProcess()),
    2,
  )
}

/** By the CPU of both threads: each end copies more than once, and waits for pages of memory. */
const bytes = async (): Promise<Measured> => {
  await using executor = threads({ workers: 1, worker })
  await using bare = subject.bareBytes()
  const all = await rounds(9, () => subject.bytes(executor), bare.run)
  return { samples: ratios(all), baseline: median(all.map((round) => round.baseline)) }
}

/** Branches in threads and processes, beside the same work elsewhere. */
export const execCases: readonly Case[] = [
  {
    name: 'exec.reference',
    unit: '× in process',
    target: undefined,
    run: () => compared(15, reference, () => subject.steps(inProcess())),
  },
  { name: 'exec.threads', unit: '× reference', target: 1.4, run: steps('threads') },
  { name: 'exec.processes', unit: '× reference', target: 2.2, run: steps('processes') },
  { name: 'exec.durable', unit: '× in process', target: 2.5, run: durable },
  { name: 'exec.io', unit: '× one branch', target: 1.5, run: io },
  { name: 'exec.cpu', unit: '× in process', target: 1 / 1.6, run: cpu },
  { name: 'exec.chunks', unit: '× in process', target: 5, run: chunks },
  { name: 'exec.bytes', unit: '× bare thread', target: 10, run: bytes },
]
