import { createApplication, defineMessage, defineState, resumeOrCreate, type } from 'teasel'
import { memoryPersister, type Persister } from 'teasel/persistence'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { describe, expect, it } from 'vitest'

interface Work {
  i: string
  out: string
  outs: string[]
}
const kit = defineState<Work>()
const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const options = { appId: 'app', entrypoint: 'map', state: {}, graceMs: 1, logger: quiet } as const
const open: Readonly<Record<string, () => Persister>> = {
  memory: () => memoryPersister(),
  sqlite: () => sqlitePersister({ file: ':memory:' }),
}

describe.each(Object.entries(open))('a step that failed is tried again by the next run (stored: %s)', (_, store) => {
  /** Three branches of two steps each. Those of `bad` fail at their second step, as long as they are in it. */
  function build(ran: string[], bad: Set<string>, settle: 'all' | 'collect' | 'any' | { atLeast: number }) {
    const step = (name: string) =>
      kit.action({
        reads: ['i'],
        writes: ['out'],
        run({ state: { i } }) {
          ran.push(`${i}${name}`)
          if (name === '2' && bad.has(i)) throw new TypeError(`${i} failed`)
          return { out: `${i}!` }
        },
      })
    const branch = kit
      .graph({ actions: { one: step('1'), two: step('2') }, transitions: { one: 'two' } })
      .runnable({ entrypoint: 'one' })
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      action: branch,
      settle,
      states: { a: { i: 'a' }, b: { i: 'b' }, c: { i: 'c' } },
      reduce: ({ results }) => {
        const lost = results.filter(({ status }) => status !== 'done')
        if (lost.length > 0 && settle === 'collect') throw new TypeError('some are missing')
        return { outs: results.flatMap((one) => (one.status === 'done' ? [one.state.out] : [])) }
      },
    })
    return kit.graph({ actions: { map } })
  }

  it.each([['all'], ['collect'], [{ atLeast: 3 }]] as const)(
    'done branches keep their results, and failed ones go on at their failed step (%j)',
    async (settle) => {
      const [ran, bad] = [[] as string[], new Set(['b'])]
      const app = createApplication(build(ran, bad, settle), { ...options, persister: store() })
      await expect(app.run()).rejects.toThrow()
      ran.length = 0
      await expect(app.run()).rejects.toThrow()
      const second = ran.splice(0)
      bad.clear()

      const { state } = await app.run()

      expect(second.filter((one) => one.startsWith('b'))).toEqual(['b2'])
      expect(ran.filter((one) => one.startsWith('b'))).toEqual(['b2'])
      expect([...second, ...ran].filter((one) => one === 'a1' || one === 'c1')).toEqual([])
      expect(state.outs).toEqual(['a!', 'b!', 'c!'])
    },
  )

  it('a branch that failed and now waits for an answer waits on after a crash', async () => {
    const persister = store()
    const approve = defineMessage('approve', type<string>())
    let fails = true
    const ask = kit.action({
      reads: [],
      writes: ['out'],
      async run({ context }) {
        if (fails) throw new TypeError('not yet')
        return { out: (await context.receiveOne(approve)).body }
      },
    })
    const map = kit.mapActions({
      reads: [],
      writes: ['outs'],
      settle: 'any',
      actions: { ask },
      reduce: ({ results }) => ({ outs: results.flatMap((one) => (one.status === 'done' ? [one.state.out] : [])) }),
    })
    const graph = kit.graph({ actions: { map } })
    const open = () => resumeOrCreate(graph, { ...options, persister })
    await expect((await open()).run()).rejects.toThrow()
    fails = false
    await (await open()).run({ whenWaiting: 'return' })

    const app = await open()
    const { status } = await app.run({ whenWaiting: 'return' })
    await app.send(approve('yes'), { path: 'map/ask' })

    expect([status, (await app.run()).state.outs]).toEqual(['waiting', ['yes']])
  })

  it('where every branch failed under any', async () => {
    const [ran, bad] = [[] as string[], new Set(['a', 'b', 'c'])]
    const app = createApplication(build(ran, bad, 'any'), { ...options, persister: store() })
    await expect(app.run()).rejects.toThrow()
    ran.length = 0
    bad.delete('b')

    const { state } = await app.run()

    expect(ran).toEqual(['a2', 'b2', 'c2'])
    expect(state.outs).toEqual(['b!'])
  })

  it('also where an error transition failed', async () => {
    const [ran, bad] = [[] as string[], new Set(['b'])]
    let broken = true
    const inner = build(ran, bad, 'collect')
    const sub = kit.subgraph({
      reads: [],
      writes: ['outs'],
      graph: inner.runnable({ entrypoint: 'map' }),
      state: () => ({}),
      reduce: ({ branch }) => ({ outs: branch.state.outs }),
    })
    const rescue = kit.action({ reads: [], writes: ['outs'], run: () => ({ outs: ['rescued'] }) })
    const graph = kit.graph({
      actions: { map: sub, rescue },
      onError: {
        map: [
          {
            to: 'rescue',
            when: () => {
              if (broken) throw new RangeError('the condition is broken')
              return true
            },
          },
        ],
      },
    })
    const app = createApplication(graph, { ...options, persister: store() })
    const error = await app.run().catch((thrown: unknown) => thrown)
    ran.length = 0
    broken = false

    const rescued = (await app.run()).state.outs

    expect([error, ran, rescued]).toEqual([expect.any(Error), ['b2'], ['rescued']])
  })

  it('says the same for an application that is opened anew', async () => {
    const persister = store()
    const [ran, bad] = [[] as string[], new Set(['b'])]
    const graph = build(ran, bad, 'collect')
    await createApplication(graph, { ...options, persister })
      .run()
      .catch(() => {})
    bad.clear()
    ran.length = 0

    const { state } = await (await resumeOrCreate(graph, { ...options, persister })).run()

    expect(state.outs).toEqual(['a!', 'b!', 'c!'])
    expect(ran).toEqual(['b2'])
  })
})
