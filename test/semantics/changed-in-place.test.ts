import { createApplication, defineState, resumeOrCreate, type } from 'teasel'
import { memoryPersister, registerClass } from 'teasel/persistence'
import { describe, expect, it } from 'vitest'

class Counter {
  n: number
  constructor(n: number) {
    this.n = n
  }
}
registerClass('changed-in-place.counter', Counter, { save: ({ n }) => n, load: (n) => new Counter(n) })

interface Held {
  map: Map<string, { tags: Set<string> }>
  set: Set<number>
  date: Date
  bytes: Uint8Array
  buffer: Buffer
  counter: Counter
  list: { at: Date }[]
}
interface S extends Held {
  seen: string
  out: string[]
  bag: Set<string>
  n: number
}
const kit = defineState<S>()
const held = (): Held => ({
  map: new Map([['a', { tags: new Set(['x']) }]]),
  set: new Set([1]),
  date: new Date(5),
  bytes: Uint8Array.of(1, 2),
  buffer: Buffer.from('hi'),
  counter: new Counter(1),
  list: [{ at: new Date(7) }],
})
const KEYS = ['map', 'set', 'date', 'bytes', 'buffer', 'counter', 'list'] as const

/** Changes every mutable part. */
function spoil({ map, set, date, bytes, buffer, counter, list }: Held): void {
  map.get('a')?.tags.add('spoiled')
  map.set('b', { tags: new Set() })
  set.clear()
  date.setTime(99)
  bytes.fill(9)
  buffer.write('no')
  counter.n = 99
  list[0]?.at.setTime(99)
}
const told = ({ map, set, date, bytes, buffer, counter, list }: Held): string =>
  JSON.stringify([
    [...map].map(([key, { tags }]) => [key, [...tags]]),
    [...set],
    date.getTime(),
    [...bytes],
    buffer.toString(),
    counter.n,
    list[0]?.at.getTime(),
  ])
const intact = told(held())
const look = kit.action({ reads: KEYS, writes: ['seen'], run: ({ state }) => ({ seen: told(state) }) })
const tell = kit.action({ reads: KEYS, writes: ['seen'], run: ({ state }) => ({ seen: told(state) }) })

describe('a change in place stays with the code that made it:', () => {
  it('a failed step leaves nothing behind', async () => {
    const fail = kit.action({
      reads: KEYS,
      writes: ['seen'],
      run({ state }) {
        spoil(state)
        throw new Error('too late')
      },
    })
    const graph = kit.graph({ actions: { fail, look }, onError: { fail: 'look' } })

    expect((await createApplication(graph, { entrypoint: 'fail', state: held() }).run()).state.seen).toBe(intact)
  })

  it('a step leaves nothing behind in keys that it does not write', async () => {
    const read = kit.action({
      reads: KEYS,
      writes: ['n'],
      run({ state }) {
        spoil(state)
        return { n: 1 }
      },
    })
    const graph = kit.graph({ actions: { read, look }, transitions: { read: 'look' } })

    const { state } = await createApplication(graph, { entrypoint: 'read', state: held() }).run()

    expect([state.seen, told(state)]).toEqual([intact, intact])
  })

  it('each attempt and the fallback start with the state before the step', async () => {
    const seen: string[] = []
    const grow = kit.action({
      reads: KEYS,
      writes: ['seen'],
      retry: { attempts: 2, delayMs: 0 },
      run({ state }) {
        seen.push(told(state))
        spoil(state)
        throw new Error('no')
      },
      fallback: ({ state }) => ({ seen: told(state) }),
    })
    const { state } = await createApplication(kit.graph({ actions: { grow } }), {
      entrypoint: 'grow',
      state: held(),
    }).run()

    expect([...seen, state.seen]).toEqual([intact, intact, intact])
  })

  it('each step starts with the bound input as it was given', async () => {
    const seen: number[][] = []
    const grow = kit
      .action({
        reads: [],
        writes: ['n'],
        inputs: { values: type<Set<number>>() },
        retry: { attempts: 2, delayMs: 0 },
        run({ inputs: { values } }) {
          seen.push([...values])
          values.add(2)
          if (seen.length < 2) throw new Error('again')
          return { n: 1 }
        },
      })
      .bindState({ values: 'set' })
    const app = createApplication(kit.graph({ actions: { grow } }), { entrypoint: 'grow', state: held() })

    const { state } = await app.run()

    expect([...seen, [...state.set]]).toEqual([[1], [1], [1]])
  })

  it('branches, their sources and their reducer share nothing', async () => {
    const branch = kit.action({
      reads: KEYS,
      writes: ['seen'],
      run({ state }) {
        const seen = told(state)
        spoil(state)
        return { seen }
      },
    })
    const map = kit.mapStates({
      reads: KEYS,
      writes: ['out'],
      action: branch,
      retry: { attempts: 2, delayMs: 0 },
      *states({ state }) {
        for (const key of ['a', 'b']) {
          spoil(state)
          yield [{}, { key }] as const
        }
      },
      reduce({ state, results }) {
        const out = [told(state), ...results.flatMap((one) => [one.state.seen, told(one.state)])]
        spoil(state)
        for (const one of results) spoil(one.state)
        attempts.push(out)
        if (attempts.length < 2) throw new Error('again')
        return { out }
      },
    })
    const attempts: string[][] = []
    const app = createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: held() })

    const { state } = await app.run()

    expect(attempts).toEqual([Array(5).fill(intact), Array(5).fill(intact)])
    expect([told(state), state.out]).toEqual([intact, Array(5).fill(intact)])
  })

  it('a retried reducer gets the states of failed branches as they were', async () => {
    const attempts: string[] = []
    const fail = kit.action({ reads: KEYS, writes: ['n'], run: () => Promise.reject(new Error('no')) })
    const map = kit.mapStates({
      reads: KEYS,
      writes: ['out'],
      action: fail,
      states: [{}],
      settle: 'collect',
      retry: { attempts: 2, delayMs: 0 },
      reduce({ results }) {
        for (const { state } of results) {
          attempts.push(told(state as Held))
          spoil(state as Held)
        }
        if (attempts.length < 2) throw new Error('again')
        return { out: attempts }
      },
    })
    const app = createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: held() })

    expect((await app.run()).state.out).toEqual([intact, intact])
  })

  it('the fallback of a branch and an initial acc are copies', async () => {
    const fail = kit.action({
      reads: KEYS,
      writes: ['n', 'seen'],
      run({ state }) {
        spoil(state)
        throw new Error('no')
      },
    })
    const map = kit.mapStates({
      reads: KEYS,
      writes: ['bag'],
      action: fail,
      states: [{}],
      fallback({ state }) {
        const seen = told(state as Held)
        spoil(state as Held)
        return { n: 1, seen }
      },
      initial: { bag: new Set<string>() },
      reduceEach({ acc, result }) {
        acc.bag.add(`${acc.bag.size}${result.state.seen}${told(result.state)}`)
        return acc
      },
    })
    const graph = kit.graph({ actions: { map } })
    const run = () => createApplication(graph, { entrypoint: 'map', state: held() }).run()

    const bags = [await run(), await run()].map(({ state }) => [...state.bag])

    expect(bags).toEqual([[`0${intact}${intact}`], [`0${intact}${intact}`]])
  })

  it('a reader of the state and the owner of a given value are independent', async () => {
    const given = held()
    const more = held()
    const write = kit.action({ reads: KEYS, writes: KEYS, run: () => more })
    const app = createApplication(
      kit.graph({ actions: { look, write, tell }, transitions: { look: 'write', write: 'tell' } }),
      {
        entrypoint: 'look',
        state: given,
        interceptors: [{ name: 'spoiler', beforeStep: ({ state }) => spoil(state as unknown as Held) }],
      },
    )
    spoil(given)
    app.on('step.end', (event) => {
      if (event.status !== 'done') return
      spoil({ ...held(), ...(event.state as Held) })
      spoil({ ...held(), ...(event.update as Partial<Held>) })
      if (event.action === 'write') spoil(more)
    })
    spoil(app.state as Held)

    const first = await app.run({ haltAfter: 'look' })
    spoil(first.state as Held)
    const { state } = await app.run()

    expect([first.state.seen, state.seen]).toEqual([intact, intact])
    expect(app.state).toBe(app.state)
  })

  it('a value that is given again after a change counts as changed', async () => {
    const cache = new Map<string, { tags: Set<string> }>()
    const fill = kit.action({
      reads: [],
      writes: ['map'],
      run() {
        cache.set(`k${cache.size}`, { tags: new Set() })
        return { map: cache }
      },
    })
    const graph = kit.graph({
      actions: { fill },
      transitions: { fill: [{ to: 'fill', when: ({ state }) => state.map.size < 3 }] },
    })
    const persister = memoryPersister()
    const app = createApplication(graph, { entrypoint: 'fill', state: {}, persister, appId: 'again' })
    const sizes: number[] = []
    for await (const { state } of app.iterate()) sizes.push(state.map.size)

    const stored = await persister.load({ appId: 'again' })

    expect(sizes).toEqual([1, 2, 3])
    expect(stored?.state['map']).toEqual(new Map(['k0', 'k1', 'k2'].map((key) => [key, { tags: new Set() }])))
  })

  it('a resumed state equals the live one', async () => {
    const persister = memoryPersister()
    const graph = kit.graph({ actions: { look, tell }, transitions: { look: 'tell' } })
    const live = createApplication(graph, { entrypoint: 'look', state: held(), persister, appId: 'same' })
    const first = await live.run({ haltAfter: 'look' })

    const resumed = await resumeOrCreate(graph, { entrypoint: 'look', state: held(), persister, appId: 'same' })

    expect(resumed.state).toEqual(first.state)
    expect(Buffer.isBuffer((resumed.state as Held).buffer)).toBe(true)
  })

  it('a list of mutable values is stored by its changes, though each action has a copy of it', async () => {
    const stored = async (at: () => unknown): Promise<number> => {
      const chat = defineState<{ said: { text: string; at: unknown }[] }>()
      const say = chat.action({
        reads: ['said'],
        writes: ['said'],
        run: ({ state }) => ({ said: [...state.said, { text: 'x'.repeat(100), at: at() }] }),
      })
      const graph = chat.graph({
        actions: { say },
        transitions: { say: [{ to: 'say', when: ({ state }) => state.said.length < 50 }] },
      })
      let bytes = 0
      const persister = memoryPersister()
      const { driver } = persister
      const save = driver.save.bind(driver)
      Object.assign(driver, {
        save(group: Parameters<typeof save>[0]) {
          bytes += JSON.stringify(group).length
          return save(group)
        },
      })
      await createApplication(graph, { entrypoint: 'say', state: { said: [] }, persister, appId: 'chat' }).run()
      return bytes
    }
    const plain = await stored(() => 5)

    expect(await stored(() => new Date(5))).toBeLessThan(2 * plain)
  })

  it('a frozen value is never copied', async () => {
    const list = Array.from({ length: 3 }, (_, i) => ({ name: String(i) }))
    const same = defineState<{ list: typeof list; mixed: { date: Date; list: typeof list }; out: boolean }>()
    const check = same.action({
      reads: ['list', 'mixed'],
      writes: ['out'],
      run: ({ state: { list: alone, mixed } }) => ({ out: alone === list && mixed.list === list }),
    })
    const app = createApplication(same.graph({ actions: { check } }), {
      entrypoint: 'check',
      state: { list, mixed: { date: new Date(1), list } },
    })

    expect((await app.run()).state).toMatchObject({ out: true, list })
    expect((app.state as { list: unknown }).list).toBe(list)
  })
})
