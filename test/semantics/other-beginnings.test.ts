import { createApplication, defineState, resumeOrCreate, type } from 'teasel'
import { memoryPersister, PersistenceError, type Persister, rewind } from 'teasel/persistence'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { describe, expect, it } from 'vitest'
import { hashId } from '../../src/internal/ids.js'
import { defer } from '../support/deferred.js'
import { mortal } from '../support/mortal-store.js'
import { quiet } from '../support/quiet-logger.js'

interface Work {
  question: string
  answer: string
  answers: string[]
  n: number
}
const kit = defineState<Work>()
const stores: readonly (readonly [string, () => Persister | undefined])[] = [
  ['nowhere', () => undefined],
  ['memory', () => memoryPersister()],
  ['sqlite', () => sqlitePersister({ file: ':memory:' })],
]
const stored = stores.slice(1) as readonly (readonly [string, () => Persister])[]
const options = { appId: 'app', state: {}, graceMs: 1, logger: quiet } as const
const given = (persister: Persister | undefined) => (persister === undefined ? {} : { persister })

describe.each(stores)('an application created by an action (stored: %s)', (_, open) => {
  const asked: string[] = []
  const ask = (suffix = '') =>
    kit.action({
      reads: ['question'],
      writes: ['answer'],
      inputs: { tone: type<string>() },
      run: ({ state: { question }, inputs: { tone } }) => {
        asked.push(question)
        return { answer: `${tone} answer to ${question}${suffix}` }
      },
    })
  const plain = kit.graph({ actions: { ask: ask() } })
  const longer = kit.graph({ actions: { ask: ask(), more: ask(', at length') }, transitions: { ask: 'more' } })

  /** Tries twice, with given beginnings; the first one is not good enough. */
  async function twice(begin: (attempt: number) => { question: string; tone: string; long: boolean }) {
    asked.length = 0
    const improve = kit.action({
      reads: [],
      writes: ['answer'],
      retry: { attempts: 2, delayMs: 0 },
      async run({ context }) {
        const { question, tone, long } = begin(context.attempt)
        const about = { entrypoint: 'ask', state: { question }, parent: context, key: 'ask' } as const
        const run = { inputs: { tone } } as const
        const { state } = await (long
          ? createApplication(longer, about).run(run)
          : createApplication(plain, about).run(run))
        if (context.attempt === 1) throw new TypeError('not good enough')
        return { answer: state.answer }
      },
    })
    const app = createApplication(kit.graph({ actions: { improve } }), {
      ...options,
      entrypoint: 'improve',
      ...given(open()),
    })
    return (await app.run()).state.answer
  }

  it('is a new one with another state', async () => {
    const answer = await twice((attempt) => ({ question: `question ${attempt}`, tone: 'kind', long: false }))

    expect([answer, asked]).toEqual(['kind answer to question 2', ['question 1', 'question 2']])
  })

  it('is a new one with other inputs', async () => {
    const answer = await twice((attempt) => ({ question: 'q', tone: attempt === 1 ? 'rude' : 'kind', long: false }))

    expect(answer).toBe('kind answer to q')
  })

  it('is a new one with another graph', async () => {
    const answer = await twice((attempt) => ({ question: 'q', tone: 'kind', long: attempt === 2 }))

    expect(answer).toBe('kind answer to q, at length')
  })

  it('is a new one at another visit, also with one id for all', async () => {
    const round = kit.action({
      reads: ['n'],
      writes: ['n', 'answer'],
      async run({ state: { n }, context }) {
        const about = { entrypoint: 'add', state: { n }, parent: context, appId: 'helper', key: 'k' } as const
        const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 10 }) })
        const { state } = await createApplication(kit.graph({ actions: { add } }), about).run()
        return { n: n + 1, answer: `${state.n}` }
      },
    })
    const graph = kit.graph({
      actions: { round },
      transitions: { round: [{ to: 'round', when: ({ state }) => state.n < 3 }] },
    })
    const app = createApplication(graph, { ...options, entrypoint: 'round', state: { n: 0 }, ...given(open()) })

    expect((await app.run()).state).toEqual({ n: 3, answer: '12' })
  })
})

describe.each(stored)('a stored application created by an action (%s)', (_, open) => {
  it('does not run again after the same beginning, and is resumed at its cut', async () => {
    const store = open()
    const ran: string[] = []
    const reached = defer()
    let stops = true
    const step = (name: string) =>
      kit.action({
        reads: ['question'],
        writes: ['answer'],
        async run() {
          ran.push(name)
          if (name === 'two' && stops) {
            reached.resolve()
            await new Promise(() => {})
          }
          return { answer: name }
        },
      })
    const child = kit.graph({ actions: { one: step('one'), two: step('two') }, transitions: { one: 'two' } })
    const make = kit.action({
      reads: [],
      writes: ['answer'],
      async run({ context }) {
        const about = { entrypoint: 'one', state: { question: 'q' }, parent: context } as const
        return { answer: (await createApplication(child, about).run()).state.answer }
      },
    })
    const graph = kit.graph({ actions: { make } })
    const first = mortal(store)
    void createApplication(graph, { ...options, entrypoint: 'make', persister: first.persister })
      .run()
      .catch(() => {})
    await reached.promise
    first.crash()
    stops = false

    const { state } = await (await resumeOrCreate(graph, { ...options, entrypoint: 'make', persister: store })).run()

    expect([state.answer, ran]).toEqual(['two', ['one', 'two', 'two']])
  })

  it('is refused under the id of an application that is no branch', async () => {
    const persister = open()
    const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
    const child = kit.graph({ actions: { add } })
    const root = { ...options, appId: 'root', entrypoint: 'add', state: { n: 0 }, persister } as const
    await createApplication(child, root).run()
    const make = kit.action({
      reads: [],
      writes: ['n'],
      async run({ context }) {
        const about = { entrypoint: 'add', state: { n: 0 }, parent: context, appId: 'root' } as const
        return { n: (await createApplication(child, about).run()).state.n }
      },
    })
    const app = createApplication(kit.graph({ actions: { make } }), { ...options, entrypoint: 'make', persister })

    const error = await app.run().catch((thrown: unknown) => thrown)

    expect(error).toBeInstanceOf(PersistenceError)
    expect(error).toMatchObject({ fault: 'conflict', appId: 'root' })
    expect((await persister.load({ appId: 'root' }))?.state).toEqual({ n: 1 })
  })
})

describe.each(stored)('a branch (%s)', (_, open) => {
  const work = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
  const map = kit.mapStates({
    reads: ['n'],
    writes: ['n'],
    action: kit.graph({ actions: { work } }).runnable({ entrypoint: 'work' }),
    states: { x: {}, y: {} },
    reduce: ({ results }) => ({ n: results.length }),
  })
  const graph = kit.graph({ actions: { map, work } })
  const branchId = hashId(['app', 0, 'map', 1, 'x'])

  it.each(['resumed', 'made anew'])('is refused as an application of its own by %s', async (how) => {
    const persister = open()
    await createApplication(graph, { ...options, entrypoint: 'map', state: { n: 0 }, persister }).run()
    const asRoot = { ...options, appId: branchId, entrypoint: 'work', state: { n: 0 }, persister } as const

    const opening = how === 'resumed' ? resumeOrCreate(graph, asRoot) : createApplication(graph, asRoot).run()

    await expect(opening).rejects.toThrow(/is a branch of .*application "app"/)
    await expect(opening).rejects.toMatchObject({ code: 'persistence', fault: 'conflict', appId: branchId })
    expect((await persister.load({ appId: branchId }))?.state).toEqual({ n: 1 })
  })

  it('can be forked', async () => {
    const persister = open()
    await createApplication(graph, { ...options, entrypoint: 'map', state: { n: 0 }, persister }).run()
    const forked = { ...options, appId: 'fork', entrypoint: 'work', state: { n: 0 }, persister } as const

    const app = await resumeOrCreate(graph, { ...forked, forkFrom: { appId: branchId } })

    expect(app.state).toEqual({ n: 1 })
  })
})

describe.each(stored)('a patch (%s)', (_, open) => {
  const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
  const high = kit.action({ reads: [], writes: ['answer'], run: () => ({ answer: 'high' }) })
  const low = kit.action({ reads: [], writes: ['answer'], run: () => ({ answer: 'low' }) })
  const graph = kit.graph({
    actions: { add, high, low },
    transitions: { add: [{ to: 'high', when: ({ state }) => state.n > 10 }, { to: 'low' }] },
  })
  const start = { ...options, entrypoint: 'add', state: { n: 0 } } as const

  it('of a rewind chooses the next action again', async () => {
    const persister = open()
    await createApplication(graph, { ...start, persister }).run()

    await rewind({ persister, appId: 'app', sequenceId: 0, patch: { n: 50 } })
    const app = await resumeOrCreate(graph, { ...start, persister })

    expect([app.next, (await app.run()).state]).toEqual(['high', { n: 50, answer: 'high' }])
  })

  it('of a fork chooses the next action again', async () => {
    const persister = open()
    await createApplication(graph, { ...start, persister }).run()

    const forkFrom = { appId: 'app', sequenceId: 0, patch: { n: 50 } }
    const app = await resumeOrCreate(graph, { ...start, appId: 'fork', persister, forkFrom })

    expect([app.next, (await app.run()).state]).toEqual(['high', { n: 50, answer: 'high' }])
  })

  it('keeps the next action of a resume, and the stored choice without a patch', async () => {
    const persister = open()
    await createApplication(graph, { ...start, persister }).run()

    await rewind({ persister, appId: 'app', sequenceId: 0, patch: { n: 50 } })
    const told = await resumeOrCreate(graph, { ...start, persister, resumeAt: { action: 'low' } })
    const next = [told.next]
    await rewind({ persister, appId: 'app', sequenceId: 0, epoch: 0, patch: {} })
    next.push((await resumeOrCreate(graph, { ...start, persister })).next)
    await rewind({ persister, appId: 'app', sequenceId: -1, patch: { n: 20 } })
    next.push((await resumeOrCreate(graph, { ...start, persister })).next)

    expect(next).toEqual(['low', 'low', 'add'])
  })

  it('of a branch chooses its next action again', async () => {
    const store = open()
    const reached = defer()
    let stops = true
    const wait = kit.action({
      reads: [],
      writes: ['answer'],
      async run() {
        if (stops) {
          reached.resolve()
          await new Promise(() => {})
        }
        return { answer: 'low' }
      },
    })
    const branch = kit
      .graph({
        actions: { add, high, wait },
        transitions: { add: [{ to: 'high', when: ({ state }) => state.n > 10 }, { to: 'wait' }] },
      })
      .runnable({ entrypoint: 'add' })
    const map = kit.mapStates({
      reads: ['n'],
      writes: ['answers'],
      action: branch,
      states: { x: {} },
      reduce: ({ results }) => ({ answers: results.map(({ state }) => state.answer) }),
    })
    const about = { ...start, entrypoint: 'map' } as const
    const whole = kit.graph({ actions: { map } })
    const first = mortal(store)
    void createApplication(whole, { ...about, persister: first.persister })
      .run()
      .catch(() => {})
    await reached.promise
    first.crash()
    stops = false

    await rewind({ persister: store, appId: hashId(['app', 0, 'map', 1, 'x']), sequenceId: 0, patch: { n: 50 } })
    const { state } = await (await resumeOrCreate(whole, { ...about, persister: store })).run()

    expect(state.answers).toEqual(['high'])
  })

  it('is refused when an application would be forked from itself, stored or not', async () => {
    const persister = open()
    const own = () => resumeOrCreate(graph, { ...start, persister, forkFrom: { appId: 'app' } })
    await expect(own()).rejects.toThrow('forkFrom is the application "app" itself.')
    await createApplication(graph, { ...start, persister }).run()

    await expect(own()).rejects.toThrow('forkFrom is the application "app" itself.')

    const elsewhere = { ...start, persister, partitionKey: 'tenant', forkFrom: { appId: 'app', partitionKey: null } }
    expect((await resumeOrCreate(graph, elsewhere)).state).toEqual({ n: 1, answer: 'low' })
  })
})
