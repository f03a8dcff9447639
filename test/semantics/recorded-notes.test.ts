import { createApplication, defineState, resumeOrCreate } from 'teasel'
import { createPersister, memoryPersister, type Persister } from 'teasel/persistence'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { ManualClock } from 'teasel/testing'
import { describe, expect, it } from 'vitest'
import { defer, flush } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { mortal } from '../support/mortal-store.js'
import { overDriver } from '../support/over-driver.js'
import { quiet } from '../support/quiet-logger.js'

// The record of the branches of a map, beside their steps: their entries and their ends.

interface Work {
  item: string
  outs: unknown[]
}
const kit = defineState<Work>()
const options = { appId: 'app', entrypoint: 'map', state: {}, graceMs: 1, logger: quiet } as const

interface Plan {
  /** Each branch by its key and its item, one letter each: `aA`. */
  readonly entries: readonly string[]
  readonly ran: string[]
  /** The step at which every branch stays; without it the run goes to its end. */
  readonly hold?: 'one' | 'two'
  /** The entries come from a generator. */
  readonly poured?: boolean
  /** The number of concurrent branches. */
  readonly width?: number
  /** Paths to cancel once nothing runs. */
  readonly cancel?: string
}

/** Branches of two steps each. Each step does a side effect once. */
function build({ entries, ran, hold, poured = false, width = 64 }: Plan) {
  const step = (name: 'one' | 'two') =>
    kit.action({
      reads: ['item'],
      writes: ['item'],
      async run({ state: { item }, context }) {
        ran.push(`${name} ${await context.once('effect', () => item)}`)
        if (hold === name) await new Promise<never>(() => {})
        return { item: `${item}.` }
      },
    })
  const states = entries.map(([key = '', item = key]) => [{ item }, { key }] as const)
  const map = kit.mapStates({
    reads: [],
    writes: ['outs'],
    settle: 'collect',
    concurrency: width,
    action: kit
      .graph({ actions: { one: step('one'), two: step('two') }, transitions: { one: 'two' } })
      .runnable({ entrypoint: 'one' }),
    states: poured ? () => states.values() : states,
    reduce: ({ results }) => ({
      outs: results.map(({ status, state, attempts, startedAt }) => [status, state.item, attempts, typeof startedAt]),
    }),
  })
  return kit.graph({ actions: { map } })
}

/** One process: it is cut off where its branches stay, else it ends. @returns settled branches, and the result of reduce */
async function live(persister: Persister, plan: Plan, clock?: ManualClock) {
  const runner = mortal(persister)
  const app = await resumeOrCreate(build(plan), {
    ...options,
    persister: runner.persister,
    changedTasks: 'adopt',
    ...(clock && { clock }),
  })
  const settled: unknown[] = []
  app.on('branch.settled', ({ result: { status, state, attempts, startedAt } }) => {
    settled.push([status, (state as Partial<Work>).item, attempts, typeof startedAt])
  })
  const run = app.run()
  if (plan.hold === undefined) return { settled, outs: (await run).state.outs }
  run.catch(() => {})
  for (let i = 0; i < 5; i++) await flush()
  if (plan.cancel !== undefined) app.cancel({ path: plan.cancel, reason: 'not needed' })
  for (let i = 0; i < 5; i++) await flush()
  runner.crash()
  plan.ran.push('--')
  return { settled, outs: [] }
}

const done = (item: string) => ['done', `${item}..`, 1, 'number']

describe.each<[string, () => Persister]>([
  ['memory', () => memoryPersister()],
  ['sqlite', () => sqlitePersister({ file: ':memory:' })],
])('the record of a branch (%s)', (_, open) => {
  it('that had begun, and is cancelled in the queue, holds its start, its attempts and its state', async () => {
    const [persister, entries, ran] = [open(), ['a', 'b'], [] as string[]]
    await live(persister, { entries, ran, hold: 'two' })

    const { settled } = await live(persister, { entries, ran, hold: 'two', width: 1, cancel: 'map/b' })
    const { outs } = await live(persister, { entries, ran })

    const b = ['cancelled', 'b.', 1, 'number']
    expect([settled, outs]).toEqual([[b], [done('a'), b]])
  })

  it('that had begun, and whose run is cancelled in the queue, holds its start', async () => {
    const [persister, entries, ran] = [open(), ['a', 'b'], [] as string[]]
    const clock = new ManualClock()
    const resume = (plan: Partial<Plan>, driver: Persister) =>
      resumeOrCreate(build({ entries, ran, ...plan }), { ...options, persister: driver, clock, concurrency: 1 })
    await live(persister, { entries, ran, hold: 'two' }, clock)
    const ids: string[] = []
    const second = await resume({ hold: 'two' }, persister)
    second.on('branch.queued', ({ appId }) => void ids.push(appId))
    const stored = async () => Promise.all(ids.map(async (appId) => (await persister.load({ appId }))?.startedAt))
    const run = second.run()
    for (let i = 0; i < 5; i++) await flush()
    const before = await stored()
    clock.advance(1_000)
    second.cancel()
    clock.advance(1_000)
    await run

    expect(before).toEqual([expect.any(Number), expect.any(Number)])
    expect(await stored()).toEqual(before)
  })

  it('that never began, and is cancelled in the queue, holds no attempt and no start', async () => {
    const [persister, entries, ran] = [open(), ['a', 'b'], [] as string[]]

    const { settled } = await live(persister, { entries, ran, hold: 'two', width: 1, cancel: 'map/b' })
    const { outs } = await live(persister, { entries, ran })

    const b = ['cancelled', 'b', 0, 'undefined']
    expect([settled, outs]).toEqual([[b], [done('a'), b]])
  })

  it.each(['one', 'two'] as const)(
    'of another entry is not resumed by the new one, however often it is cut off (%s)',
    async (hold) => {
      const [persister, ran] = [open(), [] as string[]]
      await live(persister, { entries: ['aA'], ran, hold })
      ran.length = 0

      await live(persister, { entries: ['aB'], ran, hold: 'one' })
      const { outs } = await live(persister, { entries: ['aB'], ran })

      expect(ran).toEqual(['one B', '--', 'one B', 'two B.'])
      expect(outs).toEqual([done('B')])
    },
  )

  it('of another entry does not come back when the new one was cut off before it began', async () => {
    const [persister, ran] = [open(), [] as string[]]
    await live(persister, { entries: ['aA', 'bA'], ran, hold: 'two' })
    ran.length = 0

    await live(persister, { entries: ['aB', 'bB'], ran, hold: 'one', width: 1 })
    await live(persister, { entries: ['aB', 'bB'], ran, hold: 'two', width: 1 })
    const { outs } = await live(persister, { entries: ['aB', 'bB'], ran })

    expect(ran).toEqual(['one B', '--', 'one B', 'two B.', '--', 'two B.', 'one B', 'two B.'])
    expect(outs).toEqual([done('B'), done('B')])
  })

  it.each<[string, boolean, ...string[]]>([
    ['a list', false, 'ab', 'a', 'ab'],
    ['a list', false, 'ab', 'a', 'ba'],
    ['a list', false, 'abc', 'b', 'cba'],
    ['a generator', true, 'ab', 'cd', 'ba'],
    ['a generator', true, 'ab', 'c', 'ba'],
    ['a generator', true, 'a', 'xya'],
  ])('that was removed and comes back is not resumed (%s)', async (_of, poured, ...lives) => {
    const [persister, ran] = [open(), [] as string[]]
    const last = lives.pop() ?? ''
    for (const keys of lives) await live(persister, { entries: [...keys], ran, hold: 'two', poured })
    ran.length = 0

    const { outs } = await live(persister, { entries: [...last], ran, poured })

    expect(outs).toEqual([...last].map(done))
    const gone = [...last].filter((key) => lives.at(-1)?.includes(key) !== true)
    expect(ran).toEqual(expect.arrayContaining(gone.map((key) => `one ${key}`)))
  })

  it('that never began, was removed and comes back later, starts afresh', async () => {
    const [persister, ran] = [open(), [] as string[]]
    await live(persister, { entries: ['a', 'b'], ran, hold: 'one', width: 1 })

    const { outs } = await live(persister, { entries: ['x', 'y', 'b'], ran, poured: true })

    expect(outs).toEqual(['x', 'y', 'b'].map(done))
  })
})

it('the failure of a branch is stored before the branch settles', async () => {
  const { driver } = memoryPersister()
  const [go, saving, saved] = [defer(), defer(), defer()]
  let slow = false
  const persister = createPersister(
    overDriver(driver, {
      async save(group) {
        if (slow) {
          saving.resolve()
          await saved.promise
        }
        await driver.save(group)
      },
    }),
  )
  const lost = kit.action({
    reads: [],
    writes: ['item'],
    async run(): Promise<{ item: string }> {
      await go.promise
      throw new RangeError('boom')
    },
  })
  const map = kit.mapActions({
    reads: [],
    writes: ['outs'],
    settle: 'collect',
    actions: { lost },
    reduce: ({ results }) => ({ outs: results.map(({ status }) => status) }),
  })
  const app = createApplication(kit.graph({ actions: { map } }), { ...options, persister })
  const settled: string[] = []
  app.on('branch.settled', ({ result: { key, status } }) => void settled.push(`${key} ${status}`))
  const started = emitted(app, 'step.start', 'map/lost')
  const run = app.run()
  await started

  slow = true
  go.resolve()
  await saving.promise
  await flush()

  expect(settled).toEqual([])
  saved.resolve()
  expect((await run).state.outs).toEqual(['failed'])
  expect(settled).toEqual(['lost failed'])
})
