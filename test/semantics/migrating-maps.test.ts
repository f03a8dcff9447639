import { defineMessage, defineState, type MigratedRecord, resumeOrCreate, type } from 'teasel'
import { memoryPersister, type Persister } from 'teasel/persistence'
import { describe, expect, it } from 'vitest'

const answered = defineMessage('answered', type<string>())

interface Ran {
  readonly first: string[]
}

/** A map over two branches: `done` ends at once, `waits` takes one step and then waits for a message. */
function program(
  named: 'name' | 'title',
  ran: Ran,
  more: { readonly reads?: 'extra'; readonly generator?: true } = {},
) {
  const key = named as 'name' // the type names one version; the other key belongs to the other
  const kit = defineState<{ name: string; extra: string; stage: string; text: string; texts: string[] }>()
  const note = kit.action({
    reads: [key],
    writes: ['stage'],
    run: ({ state }) => {
      ran.first.push(String(state[key]))
      return { stage: 'noted' }
    },
  })
  const ask = kit.action({
    reads: more.reads === undefined ? [key] : [key, more.reads],
    writes: [key, 'text'],
    async run({ state, context }) {
      const text = state[key] === 'done' ? 'at once' : (await context.receiveOne(answered)).body
      return { [key]: state[key], text: `${text}, ${state[key]}` }
    },
  })
  const branch = kit.graph({ actions: { note, ask }, transitions: { note: 'ask' } }).runnable({ entrypoint: 'note' })
  const entries = { done: { [key]: 'done' }, waits: { [key]: 'waits' } }
  const each = kit.mapStates({
    reads: more.reads === undefined ? [] : [more.reads],
    writes: ['texts'],
    action: branch,
    *states() {
      for (const [name, update] of Object.entries(entries)) yield [update, { key: name }] as const
    },
    reduce: ({ results }) => ({ texts: results.map(({ state }) => `${state[key]}: ${state.text}`) }),
  })
  const listed = kit.mapStates({
    reads: more.reads === undefined ? [] : [more.reads],
    writes: ['texts'],
    action: branch,
    states: entries,
    reduce: ({ results }) => ({ texts: results.map(({ state }) => `${state[key]}: ${state.text}`) }),
  })
  return kit.graph({ actions: { each: more.generator === true ? each : listed } })
}
const options = (persister: Persister) =>
  ({ appId: 'job', entrypoint: 'each', state: { extra: 'e' }, persister }) as const

async function begin(persister: Persister, ran: Ran, generator: true | undefined): Promise<void> {
  const app = await resumeOrCreate(program('name', ran, { ...(generator && { generator }) }), options(persister))
  await app.run({ whenWaiting: 'return' })
  await app[Symbol.asyncDispose]()
}

describe.each([
  ['a source of known length', undefined],
  ['a generator', true as const],
])('a half-done map over %s', (_, generator) => {
  it('continues under a renamed key when migrate renames it in every record', async () => {
    const persister = memoryPersister()
    const ran: Ran = { first: [] }
    await begin(persister, ran, generator)
    const asked: MigratedRecord['branch'][] = []

    const app = await resumeOrCreate(program('title', ran, { ...(generator && { generator }) }), {
      ...options(persister),
      version: 1,
      migrate({ branch, ...record }) {
        asked.push(branch)
        const { name, ...rest } = record.state
        return { ...record, state: name === undefined ? rest : { ...rest, title: name } }
      },
    })
    await app.run({ whenWaiting: 'return' })
    await app.send(answered('answer'), { path: 'each/waits' })
    const { state } = await app.run()

    expect(state.texts).toEqual(['done: at once, done', 'waits: answer, waits'])
    expect(ran.first).toEqual(['done', 'waits'])
    expect(asked).toEqual([undefined, { map: 'each', key: 'done' }, { map: 'each', key: 'waits' }])
  })

  it('is resumed once more after the migration, in the new version', async () => {
    const persister = memoryPersister()
    const ran: Ran = { first: [] }
    await begin(persister, ran, generator)
    const renamed = {
      ...options(persister),
      version: 1,
      migrate({ state: { name, ...rest }, ...record }: MigratedRecord) {
        return { ...record, state: name === undefined ? rest : { ...rest, title: name } }
      },
    }
    const graph = program('title', ran, { ...(generator && { generator }) })
    const between = await resumeOrCreate(graph, renamed)
    await between.run({ whenWaiting: 'return' })
    await between[Symbol.asyncDispose]()

    const app = await resumeOrCreate(graph, renamed)
    const { status } = await app.run({ whenWaiting: 'return' })
    await app[Symbol.asyncDispose]()

    expect(status).toBe('waiting')
    expect(ran.first).toEqual(['done', 'waits'])
  })

  it('continues when an action reads one key more', async () => {
    const persister = memoryPersister()
    const ran: Ran = { first: [] }
    await begin(persister, ran, generator)

    const wider = program('name', ran, { reads: 'extra', ...(generator && { generator }) })
    const app = await resumeOrCreate(wider, options(persister))
    const { status } = await app.run({ whenWaiting: 'return' })
    await app[Symbol.asyncDispose]()

    expect(status).toBe('waiting')
    expect(ran.first).toEqual(['done', 'waits'])
  })
})
