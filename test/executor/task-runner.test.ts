import { createApplication, defineState } from 'teasel'
import { createExecutor, createTaskRunner, defineRegistry, type TaskData, type TaskOwner } from 'teasel/executor'
import { describe, expect, it } from 'vitest'
import { createDeferred } from '../../src/internal/deferred.js'
import { flush, untilAborted } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { quiet } from '../support/quiet-logger.js'

const kit = defineState<{ n: number; ends: readonly string[] }>()
const ran: number[] = []
const count = kit.action({
  reads: ['n'],
  writes: ['n'],
  run({ state }) {
    ran.push(state.n)
    return { n: state.n + 1 }
  },
})
const registry = defineRegistry({ name: 'counts', module: 'file:///counts.js', graphs: { count } })

/** An executor whose texts pass through the hands of the test. */
function handled({ closures = true, load }: { closures?: boolean; load?: () => Promise<object> } = {}) {
  const tasks: { readonly data: TaskData; readonly owner: TaskOwner; readonly texts: string[] }[] = []
  let passes = true
  const runner = createTaskRunner({
    ...(load && { load }),
    send: (id, text) =>
      queueMicrotask(() => {
        const task = tasks.findLast(({ data }) => data.id === id)
        task?.texts.push(text)
        if (passes) task?.owner.receive(text)
      }),
  })
  const executor = createExecutor({
    name: 'handled',
    can: { closures, loads: !closures, preempt: false, attach: false },
    submit(data, owner) {
      tasks.push({ data, owner, texts: [] })
      runner.run(data)
      return { send: (text) => runner.receive(data.id, text), release() {} }
    },
    close: () => runner.close(),
  })
  const hold = (): void => {
    passes = false
  }
  return { executor, runner, tasks, hold }
}

type Handled = ReturnType<typeof handled>

function appOf({ executor }: Handled, action: typeof count) {
  const map = kit.mapStates({
    reads: [],
    writes: ['ends'],
    action,
    executor,
    settle: 'collect',
    states: [{ n: 1 }],
    reduce: ({ results }) => ({ ends: results.map(({ key, status }) => `${key} ${status}`) }),
  })
  return createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: {}, logger: quiet })
}

const hangs = kit.action({ reads: ['n'], writes: ['n'], run: ({ signal }) => untilAborted(signal) })

describe('a task', () => {
  it('that is run again under its id while it lives does not begin twice', async () => {
    ran.length = 0
    const gate = createDeferred<void>()
    const waits = kit.action({
      reads: ['n'],
      writes: ['n'],
      async run({ state }) {
        ran.push(state.n)
        await gate.promise
        return { n: 2 }
      },
    })
    const place = handled()
    const app = appOf(place, waits)
    const started = emitted(app, 'step.start', 'map/0')
    const run = app.run()
    await started
    for (const { data } of place.tasks) place.runner.run(data)
    expect(place.runner.size).toBe(1)
    gate.resolve()

    expect([(await run).state.ends, ran]).toEqual([['0 done'], [1]])
  })

  it('that was cancelled before its code was loaded never runs', async () => {
    ran.length = 0
    const loaded = createDeferred<object>()
    const place = handled({ closures: false, load: () => loaded.promise })
    const app = appOf(place, count)
    const queued = emitted(app, 'branch.queued', 'map/0')
    const run = app.run()
    await queued
    const cancelled = app.cancel({ path: 'map/0' })
    loaded.resolve({ registry })

    expect([await cancelled, (await run).state.ends, ran]).toEqual(['cancelled', ['0 cancelled'], []])
  })
})

describe('a first frame', () => {
  it('names its branch, or the place by which its worker names it', async () => {
    const place = handled()
    await appOf(place, count).run()
    const { parentId, ...rest } = Object(JSON.parse(place.tasks[0]?.data.start ?? ''))
    const ended: string[] = []
    const runner = createTaskRunner({ send: (_, text) => void ended.push(text) })
    for (const { data } of place.tasks) runner.run({ ...data, start: JSON.stringify(rest) })
    await flush()

    expect(parentId).toEqual(expect.any(String))
    expect(ended).toEqual([expect.stringContaining('The frame \\"start\\" lacks appId.')])
  })
})

describe('a text of a worker', () => {
  it('with a result that comes after the cancel is ignored', async () => {
    const gate = createDeferred<void>()
    const late = kit.action({
      reads: ['n'],
      writes: ['n'],
      async run() {
        await gate.promise
        return { n: 2 }
      },
    })
    const place = handled()
    const app = appOf(place, late)
    const started = emitted(app, 'step.start', 'map/0')
    const run = app.run()
    await started
    const [task] = place.tasks
    const passed = task?.texts.length ?? 0
    place.hold()
    gate.resolve()
    await expect.poll(() => task?.texts.at(-1)).toContain('"ended"')
    const cancelled = app.cancel({ path: 'map/0' })
    for (const text of task?.texts.slice(passed) ?? []) task?.owner.receive(text)

    expect([await cancelled, (await run).state.ends]).toEqual(['cancelled', ['0 cancelled']])
  })

  it('that comes after the end of its branch has no effect', async () => {
    const place = handled()
    const app = appOf(place, count)
    const settled: string[] = []
    app.on('branch.settled', ({ status }) => void settled.push(status))
    await app.run()
    const [task] = place.tasks
    for (const text of task?.texts ?? []) task?.owner.receive(text)
    task?.owner.lost({ why: 'Too late.' })

    expect([settled, place.tasks.length]).toEqual([['done'], 1])
  })

  it('that comes from an earlier delivery has no effect', async () => {
    const place = handled()
    const app = appOf(place, hangs)
    let started = emitted(app, 'step.start', 'map/0')
    const run = app.run()
    await started
    const [first] = place.tasks
    started = emitted(app, 'step.start', 'map/0')
    place.runner.stop(first?.data.id ?? '')
    first?.owner.lost({ why: 'It is told so.' })
    await started
    first?.owner.receive('no frame at all')
    first?.owner.lost({ why: 'It is told so again.' })
    await app.cancel({ path: 'map/0' })

    expect([(await run).state.ends, place.tasks.length]).toEqual([['0 cancelled'], 2])
  })
})
