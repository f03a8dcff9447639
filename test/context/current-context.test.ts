import { AsyncLocalStorage } from 'node:async_hooks'
import {
  type ActionContext,
  type AnyEvent,
  createApplication,
  defineMessage,
  defineState,
  printPath,
  type Tracker,
  type,
} from 'teasel'
import { currentContext } from 'teasel/context'
import { describe, expect, it } from 'vitest'
import { addCodeScope } from '../../src/lifecycle/code-scope.js'
import { quiet } from '../support/quiet-logger.js'

const kit = defineState<{ item: string; out: string; outs: string[] }>()
const hello = defineMessage('hello', type<string>())
const place = (): string | undefined => {
  const context = currentContext()
  return context && `${printPath(context.path)}:${context.action}`
}

/** Maps with each kind of reducer, and a watch. */
function mapsOf(note: (at: string) => void, noteTwice: (at: string) => Promise<void>) {
  const branch = kit.action({
    reads: ['item'],
    writes: ['out'],
    async *run({ state: { item }, context }) {
      context.broadcast(hello(item)) // calls the watch here, in the scope of the branch
      yield 1
      return { out: item }
    },
  })
  const common = {
    reads: [],
    writes: ['outs'],
    action: branch,
    states: { a: { item: 'a' }, b: { item: 'b' } },
    watch: {
      memory: () => note('memory'),
      on: async ({ event }: { readonly event: { readonly type: string } }) => {
        await noteTwice(event.type)
        currentContext()?.log(event.type)
      },
    },
  } as const
  return {
    reduce: kit.mapStates({
      ...common,
      reduce: async ({ results }) => {
        await noteTwice('reduce')
        return { outs: results.map(({ key }) => key) }
      },
    }),
    reduceEach: kit.mapStates({
      ...common,
      initial: () => {
        note('initial')
        return { outs: [] as string[] }
      },
      reduceEach: async ({ acc, result }) => {
        await noteTwice('reduceEach')
        return { outs: [...acc.outs, result.key] }
      },
    }),
    reduceLive: kit.mapStates({
      ...common,
      reduceLive: async ({ branches }) => {
        const outs: string[] = []
        await noteTwice('reduceLive')
        for await (const { key } of branches.asCompleted()) {
          note('reduceLive')
          outs.push(key)
        }
        return { outs }
      },
    }),
  }
}

describe('currentContext', () => {
  it('is the context of the action, also after awaits and in its spans, and undefined outside', async () => {
    const same: boolean[] = []
    let spans = 0
    const act = kit.action({
      reads: [],
      writes: ['out'],
      run: async ({ context }) => {
        same.push(currentContext() === context)
        await new Promise((resolve) => setImmediate(resolve))
        same.push(currentContext() === context)
        await currentContext()?.span('deep', async () => {
          await null
          same.push(currentContext() === context)
        })
        return { out: 'done' }
      },
    })
    const app = createApplication(kit.graph({ actions: { act } }), { entrypoint: 'act', state: {} })
    app.on('span.end', () => {
      spans += 1
    })

    const outside = currentContext()
    await app.run()

    expect([outside, same, spans, currentContext()]).toEqual([undefined, [true, true, true], 1, undefined])
  })

  it('is that of each branch, of the map in its sources, and of an async generator in each of its pieces', async () => {
    const seen: (string | undefined)[] = []
    const branch = kit.action({
      reads: ['item'],
      writes: ['out'],
      async *run({ state: { item } }) {
        seen.push(`${item} ${place()}`)
        yield 1
        await null
        seen.push(`${item} ${place()}`)
        yield 2
        seen.push(`${item} ${place()}`)
        return { out: item }
      },
    })
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      action: branch,
      async *states() {
        seen.push(`source ${place()}`)
        await null
        yield { item: 'a' }
        seen.push(`source ${place()}`)
        yield { item: 'b' }
      },
      reduce: ({ results }) => ({ outs: results.map(({ state }) => state.out) }),
    })
    const plain = kit.mapStates({
      reads: [],
      writes: ['outs'],
      action: branch,
      states: () => {
        seen.push(`plain source ${place()}`)
        return [{ item: 'c' }]
      },
      reduce: ({ results }) => ({ outs: results.map(({ state }) => state.out) }),
    })
    const graph = kit.graph({ actions: { map, plain }, transitions: { map: 'plain' } })

    await createApplication(graph, { entrypoint: 'map', state: {} }).run()

    expect([...seen].sort()).toEqual([
      ...Array.from({ length: 3 }, () => 'a map/0:map'),
      ...Array.from({ length: 3 }, () => 'b map/1:map'),
      ...Array.from({ length: 3 }, () => 'c plain/0:plain'),
      'plain source :plain',
      'source :map',
      'source :map',
    ])
  })

  it.each(['reduce', 'reduceEach', 'reduceLive'] as const)(
    'is that of the map in its watch and its %s',
    async (way) => {
      const seen = new Set<string>()
      const note = (at: string): void => void seen.add(`${at} ${place()}`)
      const noteTwice = async (at: string): Promise<void> => {
        note(at)
        await null
        note(at)
      }
      const map = mapsOf(note, noteTwice)[way]
      const app = createApplication(kit.graph({ actions: { map } }), {
        entrypoint: 'map',
        state: {},
        logger: quiet,
      })
      const logged = new Set<string>()
      app.on('log', ({ path, text }) => void logged.add(`${printPath(path)}:${text}`))

      const { state } = await app.run()

      const types = ['branch.settled', 'chunk', 'message', 'step.end']
      const calls = [...types, 'memory', ...(way === 'reduceEach' ? ['initial', way] : [way])]
      expect([...state.outs].sort()).toEqual(['a', 'b'])
      expect([...seen].sort()).toEqual(calls.map((at) => `${at} :map`).sort())
      expect([...logged].sort()).toEqual(types.map((type) => `:${type}`))
      expect(currentContext()).toBeUndefined()
    },
  )

  it('is the outer one again after an application that the action ran', async () => {
    const seen: (string | undefined)[] = []
    const inner = kit.action({
      reads: [],
      writes: ['out'],
      run: async () => {
        await null
        seen.push(place())
        return { out: 'inner' }
      },
    })
    const outer = kit.action({
      reads: [],
      writes: ['out'],
      run: async ({ context }) => {
        const graph = kit.graph({ actions: { inner } })
        await createApplication(graph, { entrypoint: 'inner', state: {}, parent: context, key: 'k' }).run()
        seen.push(place())
        await createApplication(graph, { entrypoint: 'inner', state: {} }).run()
        seen.push(place())
        return { out: 'outer' }
      },
    })

    await createApplication(kit.graph({ actions: { outer } }), { entrypoint: 'outer', state: {} }).run()

    expect(seen).toEqual(['outer/k:inner', ':outer', ':inner', ':outer'])
  })
})

describe('what surrounds the code of actions', () => {
  const act = kit.action({ reads: [], writes: ['out'], run: async () => ({ out: String(storage.getStore()) }) })
  const storage = new AsyncLocalStorage<string>()
  const runWith = async (within: NonNullable<Tracker['within']>) => {
    const events: AnyEvent[] = []
    const tracker: Tracker = { name: 'odd', track: (event) => void events.push(event), within }
    const app = createApplication(kit.graph({ actions: { act } }), {
      entrypoint: 'act',
      state: {},
      tracker,
      logger: quiet,
    })
    const { state } = await app.run()
    return { out: state.out, faults: events.flatMap((event) => (event.type === 'fault' ? [String(event.error)] : [])) }
  }

  it.each<readonly [string, NonNullable<Tracker['within']>, string, readonly string[]]>([
    ['surrounds it', (context, code) => storage.run(context.action, code), 'act', []],
    [
      'throws before it',
      () => {
        throw new RangeError('before')
      },
      'undefined',
      ['RangeError: before'],
    ],
    [
      'throws after it',
      (_, code) => {
        storage.run('in', code)
        throw new RangeError('after')
      },
      'in',
      ['RangeError: after'],
    ],
    ['never calls it', (() => undefined) as never, 'undefined', []],
    [
      'calls it twice',
      (_, code) => {
        storage.run('first', code)
        return storage.run('second', code)
      },
      'first',
      [],
    ],
  ])('calls it once where a tracker %s', async (_, within, out, faults) => {
    expect(await runWith(within)).toEqual({ out, faults })
  })

  it('hands a throw of the action on, and ends when it is removed', async () => {
    const contexts: ActionContext[] = []
    const remove = addCodeScope({
      run(context, code) {
        contexts.push(context)
        return code()
      },
    })
    const throws = kit.action({
      reads: [],
      writes: ['out'],
      run: (): { out: string } => {
        throw new RangeError('no')
      },
    })
    const graph = kit.graph({ actions: { throws } })
    const run = (): Promise<unknown> => createApplication(graph, { entrypoint: 'throws', state: {} }).run()

    await expect(run()).rejects.toThrow('no')
    remove()
    await expect(run()).rejects.toThrow('no')

    expect(contexts).toHaveLength(1)
  })
})
