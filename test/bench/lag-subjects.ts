import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createApplication, defineState, resumeOrCreate } from 'teasel'
import { sqlitePersister } from 'teasel/persistence/sqlite'

// The delay of other work in the process: the longest time that the engine keeps the thread.

const nothing = (): void => {}
const logger = { debug: nothing, info: nothing, warn: nothing, error: nothing }

const SCHEDULED = `/proc/${process.pid}/task/${process.pid}/schedstat`
const hasThreadTime = existsSync(SCHEDULED)
/** Milliseconds of CPU of this thread, if the system reports it; else of the wall. */
const threadTime = (): number =>
  hasThreadTime ? Number(readFileSync(SCHEDULED, 'latin1').split(' ')[0]) / 1e6 : performance.now()

/**
 * The longest time in milliseconds without a turn for other work. Of the wall and of the thread's
 * own time the shorter counts: a busy machine delays the wall clock.
 */
async function longestBlock(work: () => Promise<unknown>): Promise<number> {
  let longest = 0
  let last = [performance.now(), threadTime()] as const
  let going = true
  const look = (): void => {
    const now = [performance.now(), threadTime()] as const
    longest = Math.max(longest, Math.min(now[0] - last[0], now[1] - last[1]))
    last = now
    if (going) setImmediate(look)
  }
  setImmediate(look)
  await work()
  look()
  going = false
  return longest
}

interface Fan {
  n: number
  sum: number
}
const kit = defineState<Fan>()
/** The number of the branch that fails, as if its process were lost. */
let lost = -1
const one = kit.action({
  reads: ['n'],
  writes: ['n'],
  async run({ state: { n } }) {
    await Promise.resolve()
    if (n === lost) throw new RangeError('lost')
    return { n: n + 1 }
  },
})
const map = (count: number) =>
  kit.graph({
    actions: {
      map: kit.mapStates({
        reads: [],
        writes: ['sum'],
        concurrency: count,
        action: one,
        states: Array.from({ length: count }, (_, n) => ({ n })),
        initial: { sum: 0 },
        reduceEach: ({ acc, result }) => ({ sum: acc.sum + result.state.n }),
      }),
    },
  })

const check = (count: number, { sum }: { readonly sum: number }): void => {
  if (sum !== (count * (count + 1)) / 2) throw new RangeError(`Not all of ${count} branches have run.`)
}

/** All branches of one map may live at once. */
export async function startWide(count: number): Promise<number> {
  const app = createApplication(map(count), { entrypoint: 'map', state: {} })
  return longestBlock(async () => check(count, (await app.run()).state))
}

/** Applications started in one turn. */
export async function startMany(count: number, branches: number): Promise<number> {
  const graph = map(branches)
  const apps = Array.from({ length: count }, () => createApplication(graph, { entrypoint: 'map', state: {} }))
  return longestBlock(async () => {
    for (const { state } of await Promise.all(apps.map((app) => app.run()))) check(branches, state)
  })
}

/** All branches but one are done when the first process is lost. */
export async function resumeMany(count: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'teasel-lag-'))
  const file = join(folder, 'app.db')
  const graph = map(count)
  const start = async (): Promise<number> => {
    await using persister = sqlitePersister({ file })
    return await longestBlock(async () => {
      const options = { appId: 'app', entrypoint: 'map', state: {}, persister, logger } as const
      const app = await resumeOrCreate(graph, options)
      const end = await app.run().catch(() => undefined)
      if (lost < 0) check(count, end?.state ?? { sum: Number.NaN })
    })
  }
  try {
    lost = count - 1
    await start()
    lost = -1
    return await start()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
