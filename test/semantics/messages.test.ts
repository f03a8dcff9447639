import { createApplication, defineMessage, defineState, printPath, type } from 'teasel'
import { describe, expect, it } from 'vitest'
import { defer, flush, untilAborted } from '../support/deferred.js'

const kit = defineState<{ heard: string; all: Record<string, string> }>()
const word = defineMessage('word', type<string>())
const number = defineMessage('number', type<number>())

/** Reads words until no sibling is left. */
const listen = kit.action({
  reads: [],
  writes: ['heard'],
  async run({ context }) {
    const heard: string[] = []
    for await (const { body, from } of context.messages(word)) heard.push(`${body} of ${from}`)
    return { heard: heard.join() }
  },
})
const say = (run: (say: { send(to: string, text: string): unknown; all(text: string): void }) => unknown) =>
  kit.action({
    reads: [],
    writes: ['heard'],
    async run({ context }) {
      const answers: string[] = []
      await run({
        send: (to, text) => answers.push(context.send(to, word(text))),
        all: (text) => context.broadcast(word(text)),
      })
      return { heard: answers.join() }
    },
  })
const mapOf = (actions: Record<string, typeof listen>, concurrency = 64) =>
  kit.mapActions({
    reads: [],
    writes: ['all'],
    settle: 'collect',
    concurrency,
    actions,
    reduce: ({ results }) => ({
      all: Object.fromEntries(
        results.map((r) => [
          r.key,
          r.status === 'done'
            ? r.state.heard
            : r.status === 'failed'
              ? String((r.error.cause as Error).message)
              : r.status,
        ]),
      ),
    }),
  })
const appOf = (map: ReturnType<typeof mapOf>) =>
  createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: {} })

describe('messages of siblings', () => {
  it('come in the order in which they were sent, and end when no sibling is left', async () => {
    const pair = say(({ send }) => [send('ear', '1'), send('ear', '2'), send('ear', '3')])

    const { state } = await appOf(mapOf({ ear: listen, pair })).run()

    expect(state.all).toEqual({ ear: '1 of pair,2 of pair,3 of pair', pair: 'delivered,queued,queued' })
  })

  it('reach a branch that is queued, once its turn comes', async () => {
    const early = say(({ send, all }) => [send('ear', '1'), all('2'), send('ear', '3'), send('nobody', '4')])

    const { state } = await appOf(mapOf({ early, ear: listen, other: listen }, 1)).run()

    expect(state.all).toEqual({
      early: 'queued,queued,dropped',
      ear: expect.stringContaining('No message can come: the branch "ear" waits, and no other branch can start'),
      other: '2 of early',
    })
  })

  it('are dropped for a branch that has settled, or was cancelled while it was queued', async () => {
    const go = defer()
    const late = kit.action({
      reads: [],
      writes: ['heard'],
      async run({ context }) {
        context.cancel('queued', 'no use')
        await go.promise
        return { heard: [context.send('quick', word('x')), context.send('queued', word('y'))].join() }
      },
    })
    const quick = say(() => {})

    const run = appOf(mapOf({ late, quick, queued: listen }, 2)).run()
    await flush()
    go.resolve()

    expect((await run).state.all).toMatchObject({ late: 'dropped,dropped', queued: 'cancelled' })
  })

  it('are refused by a full mailbox, also by that of a queued branch', async () => {
    const flood = kit.action({
      reads: [],
      writes: ['heard'],
      run({ context }) {
        const counts: Record<string, number> = {}
        for (let i = 0; i < 1003; i++) {
          const delivery = context.send('deaf', number(i))
          counts[delivery] = (counts[delivery] ?? 0) + 1
        }
        return { heard: JSON.stringify(counts) }
      },
    })
    const deaf = say(() => {})

    const { state } = await appOf(mapOf({ flood, deaf }, 1)).run()

    expect(state.all['flood']).toBe('{"queued":1000,"refused":3}')
  })

  it('of other kinds stay for another reader', async () => {
    const both = kit.action({
      reads: [],
      writes: ['heard'],
      async run({ context }) {
        const heard: string[] = []
        for await (const { body } of context.messages(number)) heard.push(`${body + 1}`)
        for await (const { body } of context.messages(word)) heard.push(body)
        return { heard: heard.join() }
      },
    })
    const send = kit.action({
      reads: [],
      writes: ['heard'],
      run({ context }) {
        for (const message of [word('a'), number(1), word('b'), number(2)]) context.send('both', message)
        return { heard: '' }
      },
    })

    expect((await appOf(mapOf({ both, send })).run()).state.all['both']).toBe('2,3,a,b')
  })

  it('are broadcast to every sibling but the sender', async () => {
    const crier = say(({ all }) => all('hear'))

    const app = appOf(mapOf({ one: listen, crier, two: listen }))
    const told: string[] = []
    app.on('message', ({ to, delivery }) => told.push(`${to} ${delivery}`))

    const { state } = await app.run()

    expect(told).toEqual(['one delivered', 'two queued'])
    expect(state.all['one']).toContain('the branches "one" and "two" wait for each other, and no other branch is left')
  })

  it('fail branches that wait for each other, except while a source can still bring another branch', async () => {
    const more = defer()
    const log: string[] = []
    const ear = kit.action({
      reads: [],
      writes: ['heard'],
      async run({ context }) {
        try {
          for await (const { body } of context.messages(word)) return { heard: body }
          return { heard: 'none' }
        } catch (error) {
          log.push((error as Error).name)
          throw error
        }
      },
    })
    const map = kit.mapActions({
      reads: [],
      writes: ['all'],
      async *actions() {
        yield ear
        yield ear
        await more.promise
        yield say(({ all }) => all('at last'))
      },
      reduce: ({ results }) => ({ all: Object.fromEntries(results.map((r) => [r.key, r.state.heard])) }),
    })

    const run = createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: {} }).run()
    await flush()
    log.push('more')
    more.resolve()

    expect((await run).state.all).toEqual({ 0: 'at last', 1: 'at last', 2: '' })
    expect(log).toEqual(['more'])
  })

  it('from outside reach an application created by an action by its own path, and its branches', async () => {
    const told: string[] = []
    const deaf = kit.action({ reads: [], writes: ['heard'], run: ({ signal }) => untilAborted(signal) })
    const inner = kit.graph({ actions: { map: mapOf({ ear: deaf }) } })
    const hand = kit.action({
      reads: [],
      writes: ['heard'],
      async run({ context }) {
        const below = createApplication(inner, { entrypoint: 'map', state: {}, parent: context, key: 'a/b' })
        const run = below.run()
        await flush()
        const own = printPath(context.path.concat({ map: 'hand', visit: 1, key: 'a/b' }))
        for (const path of [own, `${own}/map/ear`, 'map/ear', 'ear', `${own}r/map/ear`])
          await below.send(word('x'), { path })
        await below.cancel()
        await run
        return { heard: '' }
      },
    })
    const app = createApplication(kit.graph({ actions: { hand } }), { entrypoint: 'hand', state: {} })
    app.on('message', ({ to, delivery }) => told.push(`${to}: ${delivery}`))

    await app.run()

    expect(told).toEqual([
      'hand/a~1b: queued',
      'hand/a~1b/map/ear: queued',
      'hand/a~1b/map/ear: queued',
      'hand/a~1b/map/ear: queued',
      'hand/a~1br/map/ear: dropped',
    ])
  })

  it('from outside to an unknown path are emitted with that path', async () => {
    const app = appOf(mapOf({ ear: listen, other: listen }))
    const told: string[] = []
    app.on('message', ({ to, delivery }) => told.push(`${to}: ${delivery}`))

    const run = app.run()
    for (const path of ['nowhere/ear', 'map:2/ear', 'map/ear/deeper', [{ map: 'map', visit: 1, key: 'nobody' }]])
      await app.send(word('x'), { path })
    await app.cancel()
    await run

    expect(told).toEqual([
      'nowhere/ear: dropped',
      'map:2/ear: dropped',
      'map/ear/deeper: dropped',
      'map/nobody: dropped',
    ])
  })

  it('are emitted as events, each with its delivery', async () => {
    const app = appOf(mapOf({ ear: listen, voice: say(({ send }) => [send('ear', '1'), send('nobody', '2')]) }))
    const told: string[] = []
    app.on('message', ({ message, to, delivery }) => told.push(`${message.from} to ${to}: ${delivery}`))
    app.on('wait', ({ from, kinds, path }) => told.push(`${path[0]?.key} waits: ${from} ${kinds.join()}`))
    app.on('wake', ({ message, path }) => told.push(`${path[0]?.key} wakes: ${message?.body}`))

    await app.run()

    expect(told).toEqual([
      'ear waits: siblings word',
      'ear wakes: 1',
      'voice to ear: delivered',
      'voice to nobody: dropped',
      'ear waits: siblings word',
      'ear wakes: undefined',
    ])
  })
})
