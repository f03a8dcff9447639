import { createApplication, defineState, resumeOrCreate } from 'teasel'
import { createPersister, memoryPersister, PersistenceError } from 'teasel/persistence'
import { expect, it } from 'vitest'
import { defer, flush } from '../support/deferred.js'
import { ManualClock } from '../support/manual-clock.js'
import { overDriver } from '../support/over-driver.js'
import { quiet } from '../support/quiet-logger.js'

// A step that is being saved when its run ends without it.

const kit = defineState<{ n: number; ends: readonly string[] }>()
const unavailable = () => new PersistenceError('No connection.', { fault: 'unavailable', appId: undefined })

it('a step that is abandoned while it waits for its store ends: no code of it is left', async () => {
  const { driver } = memoryPersister()
  let away = false
  const save: typeof driver.save = (group) => {
    if (away) throw unavailable()
    return driver.save(group)
  }
  const add = kit.action({
    reads: ['n'],
    writes: ['n'],
    run({ state }) {
      away = true
      return { n: state.n + 1 }
    },
  })
  const clock = new ManualClock()
  const app = createApplication(kit.graph({ actions: { add } }), {
    ...{ entrypoint: 'add', state: { n: 0 }, logger: quiet, clock, graceMs: 50, whenUnavailable: 'wait' },
    persister: createPersister(overDriver(driver, { save, beat: () => new Promise<number>(() => {}) })),
  })
  const told: unknown[] = []
  for (const type of ['step.start', 'step.end', 'branch.leaked'] as const)
    app.on(type, (event) => void told.push('status' in event ? [type, event.status] : type))

  const run = app.run()
  await flush()
  void app.shutdown()
  await clock.fire(50)

  expect([(await run).status, told]).toEqual(['cancelled', ['step.start', ['step.end', 'cancelled']]])
})

it('a late save of an abandoned step leaves the state that the fallback of its branch gave', async () => {
  const { driver } = memoryPersister()
  const saving = defer()
  const gate = defer()
  let holds = false
  const save: typeof driver.save = async (group) => {
    if (holds) {
      holds = false
      saving.resolve()
      await gate.promise
    }
    return driver.save(group)
  }
  const slow = kit.action({
    reads: ['n'],
    writes: ['n'],
    run() {
      holds = true
      return { n: 5 }
    },
  })
  const last = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
  const branch = kit.graph({ actions: { slow, last }, transitions: { slow: 'last' } }).runnable({ entrypoint: 'slow' })
  const map = kit.mapStates({
    ...{ reads: [], writes: ['ends'], action: branch, states: { a: { n: 1 } } },
    timeoutMs: 1000,
    fallback: () => ({ n: -1 }),
    reduce: ({ results }) => ({
      ends: results.map(({ state, recovered }) => `${state.n} ${recovered}`),
    }),
  })
  const clock = new ManualClock()
  const persister = createPersister(overDriver(driver, { save }))
  const options = { appId: 'app', entrypoint: 'map', state: {}, logger: quiet, clock, graceMs: 50, persister } as const
  const graph = kit.graph({ actions: { map } })
  const app = createApplication(graph, options)

  const run = app.run()
  await saving.promise
  clock.advance(1000)
  await clock.fire(50)
  gate.resolve()

  expect((await run).state.ends).toEqual(['-1 true'])
  expect((await resumeOrCreate(graph, options)).state.ends).toEqual(['-1 true'])
})
