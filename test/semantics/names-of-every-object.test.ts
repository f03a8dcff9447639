import { createApplication, defineMessage, defineState, resumeOrCreate, type } from 'teasel'
import { memoryPersister } from 'teasel/persistence'
import { toMachine } from 'teasel/visualize'
import { describe, expect, it } from 'vitest'
import { quiet } from '../support/quiet-logger.js'

/** Names of members of every object, and the name that sets its prototype. */
const NAMES = ['constructor', 'toString', '__proto__', 'hasOwnProperty', 'valueOf'] as const
const KEYS = NAMES.filter((name) => name !== '__proto__')
/** A record with a name of its own, also where a literal would set the prototype. */
const record = <T>(name: string, value: T): Readonly<Record<string, T>> => Object.fromEntries([[name, value]])

const kit = defineState<Record<string, unknown>>()

describe('a name of Object.prototype is a name like any other:', () => {
  it.each(KEYS)('the state key %s is unset until it is written', async (key) => {
    const begin = kit.action({ reads: [], writes: ['x'], run: () => ({ x: 1 }) })
    const write = kit.action({ reads: [], writes: [key], run: () => record(key, 1) as never })
    const read = kit.action({ reads: [key], writes: ['out'], run: ({ state }) => ({ out: state[key] }) })
    const graph = kit.graph({
      actions: { begin, write, read },
      transitions: {
        begin: [{ to: 'write', when: ({ state }) => state['set'] === true }, { to: 'read' }],
        write: [{ to: 'read', when: record(key, 1) }],
      },
    })
    const run = (state: Record<string, unknown>) => createApplication(graph, { entrypoint: 'begin', state }).run()

    await expect(run({})).rejects.toMatchObject({ fault: { kind: 'unset-read', keys: [key] } })
    expect((await run({ set: true })).state['out']).toBe(1)
  })

  it.each(KEYS)('the key %s is refused in an entry of a map whose branch lacks it', async (key) => {
    const one = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state['n'] }) })
    const each = kit.mapStates({
      reads: [],
      writes: ['n'],
      action: one,
      states: () => [{ n: 1, ...record(key, 5) }],
      reduce: () => ({ n: 1 }),
    })
    const app = createApplication(kit.graph({ actions: { each } }), { entrypoint: 'each', state: {} })

    await expect(app.run()).rejects.toThrow(`an update with the key "${key}", which the branch does not have`)
  })

  it.each(NAMES)('the action %s runs in a loop that is cut off and resumed: no branch runs twice', async (name) => {
    const ran: string[] = []
    let cut = true
    const work = kit.action({
      reads: ['at'],
      writes: ['done'],
      run({ state }) {
        ran.push(String(state['at']))
        if (cut && ran.length === 4) throw new Error('cut')
        return { done: true }
      },
    })
    const map = kit.mapStates({
      reads: ['round'],
      writes: ['round'],
      action: work,
      concurrency: 1,
      states: ({ state }) => ['a', 'b'].map((key) => ({ at: `${state['round']}${key}` })),
      reduce: ({ state }) => ({ round: Number(state['round']) + 1 }),
    })
    const graph = kit.graph({
      actions: record(name, map),
      transitions: record(name, [
        { to: name, when: ({ state }: { state: Record<string, unknown> }) => Number(state['round']) < 3 },
      ]),
    } as never)
    const options = { entrypoint: name as never, state: { round: 0 }, persister: memoryPersister(), appId: 'loop' }

    await expect(createApplication(graph, { ...options, logger: quiet }).run()).rejects.toThrow('cut')
    cut = false
    const { state } = await (await resumeOrCreate(graph, options)).run()

    expect([state['round'], ran]).toEqual([3, ['0a', '0b', '1a', '1b', '1b', '2a', '2b']])
  })

  it.each(NAMES)('the branch %s has its own result', async (name) => {
    const one = kit.action({ reads: [], writes: ['n'], run: () => ({ n: 7 }) })
    const map = kit.mapActions({
      reads: [],
      writes: ['out'],
      actions: record(name, one),
      reduce: ({ branches, results }) => ({
        out: [Object.keys(branches), Object.hasOwn(branches, name), results.map(({ key }) => key)],
      }),
    })
    const app = createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: {} })

    expect((await app.run()).state['out']).toEqual([[name], true, [name]])
  })

  it.each(NAMES)('the input %s is missing until it is given, and bound once', async (name) => {
    const show = kit.action({
      reads: [],
      writes: ['out'],
      inputs: record(name, type<number>()),
      run: ({ inputs }) => ({ out: Object.entries(inputs) }),
    })
    const graph = kit.graph({ actions: { show } })
    const app = createApplication(graph, { entrypoint: 'show', state: {} })

    await expect(app.run({} as never)).rejects.toMatchObject({ missing: [name] })
    const given = await app.run({ inputs: record(name, 1) } as never)
    const bound = kit.graph({ actions: { show: show.bind(record(name, 2)) } })
    const other = await createApplication(bound, { entrypoint: 'show', state: {} }).run()

    expect([given.state['out'], other.state['out']]).toEqual([[[name, 1]], [[name, 2]]])
  })

  it.each(NAMES)('the message %s, the tag %s and its statechart work', async (name) => {
    const message = defineMessage(name, type<number>())
    const take = kit.action({
      reads: [],
      writes: ['out'],
      tags: [name],
      run: async ({ context }) => ({ out: (await context.receiveOne(message)).body }),
    })
    const graph = kit.graph({ actions: record(name, take) } as never)
    const app = createApplication(graph, { entrypoint: name as never, state: {} })
    const run = app.run({ haltAfter: name as never })
    await app.send(message(3))

    expect((await run).state['out']).toBe(3)
    expect(Object.keys(toMachine(graph.runnable({ entrypoint: name as never })).states)).toEqual([name, '(finished)'])
  })
})
