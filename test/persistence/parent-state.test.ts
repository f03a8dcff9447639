import { defineMessage, defineState, resumeOrCreate, type } from 'teasel'
import { memoryPersister, type Persister, rewind, sendStored } from 'teasel/persistence'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { describe, expect, it } from 'vitest'
import { quiet } from '../support/quiet-logger.js'

// The keys read by a map are stored once, with the application above it; a branch stores its own keys.

interface Job {
  doc: string
  chat: readonly { readonly text: string; readonly at: Date }[]
  seen: Map<string, number>
  note: string
  notes: unknown[]
}
const kit = defineState<Job>()
const go = defineMessage('go', type<string>())
const begin = kit.action({
  reads: [],
  writes: ['doc', 'chat', 'seen'],
  run: () => ({
    doc: 'd'.repeat(50_000),
    chat: Array.from({ length: 100 }, (_, i) => ({ text: 'c'.repeat(100), at: new Date(i) })),
    seen: new Map(Array.from({ length: 500 }, (_, i) => [`key ${i}`, i])),
  }),
})
const append = kit.action({
  reads: ['chat', 'note', 'seen'],
  writes: ['chat', 'seen'],
  run: ({ state: { chat, note, seen } }) => ({
    chat: [...chat, { text: note, at: new Date(7) }],
    seen: new Map([...seen, [note, -1]]),
  }),
})
const wait = kit.action({
  reads: ['chat', 'seen', 'doc'],
  writes: ['note'],
  async run({ state: { chat, seen, doc }, context }) {
    const { body } = await context.receiveOne(go)
    return { note: `${body} ${chat.at(-1)?.text} ${chat.length} ${seen.size} ${doc.length}` }
  },
})
const each = kit.mapStates({
  reads: ['doc', 'chat', 'seen'],
  writes: ['notes'],
  action: kit.graph({ actions: { append, wait }, transitions: { append: 'wait' } }).runnable({ entrypoint: 'append' }),
  states: Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`b${i}`, { note: `n${i}` }])),
  reduce: ({ results }) => ({ notes: results.map(({ state }) => state.note) }),
})
const graph = kit.graph({ actions: { begin, each }, transitions: { begin: 'each' } })
const options = { appId: 'job', entrypoint: 'begin', state: {}, logger: quiet } as const

async function halfDone(persister: Persister) {
  const app = await resumeOrCreate(graph, { ...options, persister })
  const ids = new Map<string, string>()
  app.on('branch.start', ({ key, appId }) => void ids.set(key, appId))
  await app.run({ whenWaiting: 'return' })
  await app[Symbol.asyncDispose]()
  return (key: string): string => ids.get(key) ?? ''
}
const bytesOf = async (persister: Persister, appId: string): Promise<number> => {
  const [tail] = await persister.driver.load(null, [appId])
  return tail?.rows.reduce((sum, { data }) => sum + data.length, 0) ?? 0
}

describe.each<[string, () => Persister]>([
  ['memory', () => memoryPersister()],
  ['sqlite', () => sqlitePersister({ file: ':memory:' })],
])('a branch in the store (%s)', (_, open) => {
  it('holds only its own rows, and is loaded with all that it reads', async () => {
    const persister = open()
    const idOf = await halfDone(persister)

    const branch = await persister.load({ appId: idOf('b3') })
    const above = await persister.load({ appId: 'job' })

    expect(await bytesOf(persister, idOf('b3'))).toBeLessThan(1_000)
    const { doc, chat, seen } = (above?.state ?? {}) as unknown as Job
    expect(branch?.state).toEqual({
      doc,
      chat: [...chat, { text: 'n3', at: new Date(7) }],
      seen: new Map([...seen, ['n3', -1]]),
      note: 'n3',
    })
    expect(Object.keys(branch?.state ?? {})).toEqual(['doc', 'chat', 'seen', 'note'])
  })

  it('is resumed from there, by itself or as another application', async () => {
    const persister = open()
    const idOf = await halfDone(persister)

    const lone = kit.graph({ actions: { wait } })
    const forked = await resumeOrCreate(lone, {
      appId: 'fork',
      entrypoint: 'wait',
      state: { chat: [], seen: new Map<string, number>(), doc: '' },
      resumeAt: 'entrypoint',
      forkFrom: { appId: idOf('b5') },
      persister,
      logger: quiet,
    })
    const run = forked.run()
    await forked.send(go('forked'))
    await rewind({ persister, appId: idOf('b4'), sequenceId: 0 })
    for (let i = 0; i < 20; i++) await sendStored({ persister, appId: 'job', path: `each/b${i}`, message: go('go') })
    const { state } = await (await resumeOrCreate(graph, { ...options, persister })).run()

    expect((await run).state.note).toBe('forked n5 101 501 50000')
    expect(state.notes).toEqual(Array.from({ length: 20 }, (_one, i) => `go n${i} 101 501 50000`))
  })

  it('has the state of the application above after a rewind', async () => {
    const persister = open()
    await halfDone(persister)
    await rewind({ persister, appId: 'job', sequenceId: 0, patch: { doc: 'e'.repeat(70) } })

    const idOf = await halfDone(persister)

    const { doc, chat } = ((await persister.load({ appId: idOf('b3') }))?.state ?? {}) as unknown as Job
    expect([doc, chat.at(-1)?.text]).toEqual(['e'.repeat(70), 'n3'])
  })

  it('is deleted with the application above it', async () => {
    const persister = open()
    const idOf = await halfDone(persister)
    await persister.delete({ appId: 'job' })
    const [tail] = await persister.driver.load(null, [idOf('b1')])

    expect(tail?.rows ?? []).toEqual([])
    expect(await persister.load({ appId: idOf('b1') })).toBeUndefined()
  })
})
