import { actorLogic, createApplication, defineState } from 'teasel'
import { describe, expect, it } from 'vitest'
import { type AnyActorRef, createActor, createMachine, type InspectionEvent, toPromise } from 'xstate'
import { untilAborted } from '../support/deferred.js'
import { emitted } from '../support/events.js'

interface Question {
  prompt: string
  answer: string
  answers: string[]
}
const kit = defineState<Question>()
const ask = kit.action({ reads: ['prompt'], writes: ['answer'], run: ({ state }) => ({ answer: `${state.prompt}!` }) })
const compare = kit.mapStates({
  reads: ['prompt'],
  writes: ['answers'],
  action: ask,
  states: { a: { prompt: 'a' }, b: { prompt: 'b' }, c: { prompt: 'c' } },
  reduce: ({ results }) => ({ answers: results.map((result) => result.state.answer) }),
})
const graph = kit.graph({ actions: { compare } })
const logic = actorLogic(graph.runnable({ entrypoint: 'compare' }))
const first = { prompt: '?' }

/** Watches a system as an inspector does: its actors and the events between them. */
function inspector() {
  const refs: AnyActorRef[] = []
  const passed: string[] = []
  const inspect = (event: InspectionEvent) => {
    const ref = event.actorRef as AnyActorRef
    if (event.type === '@xstate.actor') refs.push(ref)
    if (event.type === '@xstate.event') {
      const from = event.sourceRef as AnyActorRef | undefined
      passed.push(`${from?.id ?? '-'} → ${ref.id}: ${event.event.type}`)
    }
  }
  const parentOf = (ref: AnyActorRef) => (ref as AnyActorRef & { readonly _parent?: AnyActorRef })._parent?.id
  const statusOf = (ref: AnyActorRef) => (ref.getSnapshot() as { readonly status: string }).status
  return {
    inspect,
    passed,
    refs,
    tree: () => refs.map((ref) => [ref.id, parentOf(ref)]),
    statuses: () => Object.fromEntries(refs.map((ref) => [ref.id, statusOf(ref)])),
  }
}

describe('the inspection of a map of three branches', () => {
  it('leaves the map as it is when an inspector sends it an event that it does not know', async () => {
    const { inspect, refs } = inspector()
    const app = createApplication(graph, { entrypoint: 'compare', state: first, inspect })
    app.on('branch.queued', ({ key }) => {
      if (key === 'b') refs.find(({ id }) => id === 'compare')?.send({ type: 'hello' })
    })

    expect((await app.run()).state.answers).toEqual(['a!', 'b!', 'c!'])
  })

  it('shows one application, one map, one reducer and three branches, each with its parent', async () => {
    const { inspect, tree } = inspector()

    await createApplication(graph, { entrypoint: 'compare', state: first, inspect }).run()

    expect(tree()).toEqual([
      ['app', undefined],
      ['compare', 'app'],
      ['reduce', 'compare'],
      ['a', 'compare'],
      ['b', 'compare'],
      ['c', 'compare'],
    ])
  })

  it('shows the same tree below an actor created by someone else', async () => {
    const { inspect, tree } = inspector()

    await toPromise(createActor(logic, { id: 'mine', input: { state: first }, inspect }).start())

    expect(tree()).toEqual([
      ['mine', undefined],
      ['compare', 'mine'],
      ['reduce', 'compare'],
      ['a', 'compare'],
      ['b', 'compare'],
      ['c', 'compare'],
    ])
  })

  it('shows the events between them, in order', async () => {
    const { inspect, passed } = inspector()

    await createApplication(graph, { entrypoint: 'compare', state: first, inspect }).run()

    const heard = (what: string) => passed.filter((line) => line.endsWith(what))
    expect(heard(': teasel.step')).toEqual([
      '- → a: teasel.step',
      '- → b: teasel.step',
      '- → c: teasel.step',
      '- → app: teasel.step',
    ])
    expect(passed.filter((line) => line.includes('xstate.done.actor'))).toEqual([
      'a → compare: xstate.done.actor.a',
      'b → compare: xstate.done.actor.b',
      'c → compare: xstate.done.actor.c',
      'reduce → compare: xstate.done.actor.reduce',
      'compare → app: xstate.done.actor.compare',
    ])
    expect(heard(': teasel.settled')).toHaveLength(3)
  })

  it('may make further applications of the same graph as it is shown an actor', async () => {
    const { inspect, tree, statuses } = inspector()
    const further: Promise<{ readonly state: { readonly answers: string[] } }>[] = []
    const make = (event: InspectionEvent) => {
      inspect(event)
      if (event.type !== '@xstate.actor') return
      further.push(createApplication(graph, { entrypoint: 'compare', state: first }).run())
    }

    const { state } = await createApplication(graph, { entrypoint: 'compare', state: first, inspect: make }).run()
    const ends = await Promise.all(further)

    expect(state.answers).toEqual(['a!', 'b!', 'c!'])
    expect(ends.map((end) => end.state.answers)).toEqual(tree().map(() => state.answers))
    expect(Object.values(statuses())).not.toContain('error')
  })

  it('gives each application a statechart that XState accepts, as plain data', async () => {
    const { inspect, refs } = inspector()

    await createApplication(graph, { entrypoint: 'compare', state: first, inspect }).run()

    const definitions = refs.map((ref) => {
      const { config } = (ref as AnyActorRef & { readonly logic: { readonly config?: object } }).logic
      return config && (JSON.parse(JSON.stringify(config)) as object)
    })
    expect(definitions.map((definition) => definition !== undefined)).toEqual([true, false, false, true, true, true])
    const [app, , , branch] = definitions
    const machine = createMachine(app ?? {})
    expect(Object.keys(machine.states)).toEqual(['compare', '(finished)'])
    expect(Object.keys(machine.states['compare']?.states ?? {})).toEqual(['*'])
    expect(Object.keys(createMachine(branch ?? {}).states)).toEqual(['compare', '(finished)'])
  })

  it('gives a runnable graph the same logic on each call', () => {
    const runnable = graph.runnable({ entrypoint: 'compare' })

    expect(actorLogic(runnable)).toBe(actorLogic(runnable))
    expect(actorLogic(runnable)).not.toBe(actorLogic(graph.runnable({ entrypoint: 'compare' })))
  })

  it('gives a lone actor the same statechart on each call', () => {
    const { config } = createActor(logic, { input: { state: first } }).logic as { readonly config?: unknown }

    expect(config).toBe((logic as { readonly config?: unknown }).config)
    expect(createMachine(JSON.parse(JSON.stringify(config))).config).toEqual(config)
  })
})

describe('no actor stays active', () => {
  const hang = kit.action({ reads: ['prompt'], writes: ['answer'], run: ({ signal }) => untilAborted(signal) })
  const fail = kit.action({
    reads: ['prompt'],
    writes: ['answer'],
    run: async () => {
      throw new RangeError('no')
    },
  })
  const mapOver = (
    actions: Record<string, typeof hang>,
    reduce: () => { answers: string[] } = () => ({ answers: [] }),
  ) => kit.mapActions({ reads: ['prompt'], writes: ['answers'], actions, reduce })
  const start = (map: typeof compare) => {
    const watched = inspector()
    const { inspect } = watched
    const app = createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: first, inspect })
    return { app, ...watched }
  }

  it('after a map that is done', async () => {
    const { app, statuses } = start(compare)

    await app.run()

    expect(statuses()).toEqual({ app: 'active', map: 'done', reduce: 'done', a: 'done', b: 'done', c: 'done' })
    await app[Symbol.asyncDispose]()
    expect(statuses()['app']).toBe('stopped')
  })

  it('after a branch that failed and cancelled its siblings', async () => {
    const { app, statuses } = start(mapOver({ hang, fail }))

    await app.run().catch(() => {})

    expect(statuses()).toEqual({ app: 'active', map: 'error', reduce: 'stopped', hang: 'done', fail: 'error' })
  })

  it('after a reduce that failed', async () => {
    const { app, statuses } = start(
      mapOver({ ask }, () => {
        throw new RangeError('no')
      }),
    )

    await app.run().catch(() => {})

    expect(statuses()).toEqual({ app: 'active', map: 'error', reduce: 'error', ask: 'done' })
  })

  it('after a cancel', async () => {
    const { app, statuses } = start(mapOver({ hang, ask }))
    const settled = emitted(app, 'branch.settled', 'map/ask')
    const run = app.run()
    await settled

    await app.cancel()
    await run

    expect(statuses()).toEqual({ app: 'active', map: 'error', reduce: 'stopped', hang: 'done', ask: 'done' })
  })

  it('after a stop, which does not wait', async () => {
    const { app, statuses } = start(mapOver({ hang, again: hang }))
    const started = emitted(app, 'step.start', 'map/hang', 'map/again')
    const run = app.run()
    await started

    app.actor.stop()

    expect(statuses()).toEqual({ app: 'stopped', map: 'error', reduce: 'stopped', hang: 'done', again: 'done' })
    expect(await run).toMatchObject({ status: 'cancelled', by: 'stop' })
  })
})
