import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineState, resumeOrCreate } from 'teasel'
import { hosted } from 'teasel/host'
import { memoryPersister } from 'teasel/persistence'
import { projectsIn } from 'teasel/ui'
import { describe, expect, it } from 'vitest'
import { quiet } from '../support/quiet-logger.js'
import { folder } from '../tracking/folders.js'
import { ask, clientOf, handlerOf, logged } from './rig.js'

const kit = defineState<{ n: number; list: number[] }>()
const add = kit.action({
  reads: ['n', 'list'],
  writes: ['n', 'list'],
  run: ({ state: { n, list } }) => ({ n: n + 1, list: [...list, n] }),
})
const counter = kit.graph({
  actions: { add },
  transitions: { add: [{ to: 'add', when: ({ state: { n } }) => n < 3 }] },
})

async function stored() {
  const persister = memoryPersister()
  const options = {
    entrypoint: 'add',
    state: { n: 0, list: [] as number[] },
    persister,
    name: 'counter',
    logger: quiet,
  } as const
  await (await resumeOrCreate(counter, { ...options, appId: 'a', labels: { of: 'ann: 7' } })).run()
  await resumeOrCreate(counter, { ...options, appId: 'b/c ü', partitionKey: 'p' })
  return persister
}

/** The answer of the steps of a run. */
interface Steps {
  readonly items: readonly { readonly action: string; readonly sequenceId: number }[]
  readonly after?: string
}

async function all<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = []
  for await (const one of items) found.push(one)
  return found
}

/** `asOf.at` is the time of reading. */
const still = <T>(tree: T): T =>
  JSON.parse(JSON.stringify(tree, (key, value: unknown) => (key === 'asOf' ? 0 : value))) as T

describe('a client', () => {
  it('reads a folder of logs as its reader does', async () => {
    const { client, reader } = await logged()
    const ref = { runId: 'run-1' }
    expect(await client.list()).toEqual(await reader.list())
    expect(await client.list({ status: 'failed' })).toEqual({ items: [] })
    expect(await client.count()).toEqual(await reader.count())
    expect(still(await client.describe(ref))).toEqual(still(await reader.describe(ref)))
    expect(still(await client.describe({ ...ref, path: 'fan/write' }))).toEqual(
      still(await reader.describe({ ...ref, path: 'fan/write' })),
    )
    const map = { ...ref, map: 'fan', visit: 1 }
    expect(await client.branches(map)).toEqual(await reader.branches(map))
    expect(await client.steps(ref)).toEqual(await reader.steps(ref))
    expect(await client.state({ ...ref, sequenceId: 0 })).toEqual(await reader.state({ ...ref, sequenceId: 0 }))
    expect(await client.pending()).toEqual({ items: [] })
    expect(await client.due()).toEqual({ items: [] })
    expect(await client.mosaic(map)).toEqual({ letters: 'dcd' })
    const path = [['fan', 1, 'write']] as const
    expect(await client.chunks({ ...ref, path, step: 0 })).toEqual({
      items: ['Teasels ', 'comb ', 'fibres'],
      text: 'Teasels comb fibres',
    })
    expect(await all(client.events({ ...ref, types: ['wait', 'run.end'] }))).toEqual(
      await all(reader.events({ ...ref, types: ['wait', 'run.end'] })),
    )
  })

  it('reads a store as its persister does, with labels, partitions and ids of any kind', async () => {
    const persister = await stored()
    const client = clientOf(handlerOf({ persister }))
    expect((await client.list({ partitionKey: '*' })).items.map(({ runId }) => runId).sort()).toEqual(['a', 'b/c ü'])
    expect(await client.list({ labels: { of: 'ann: 7' } })).toEqual(await persister.list({ labels: { of: 'ann: 7' } }))
    const other = { runId: 'b/c ü', partitionKey: 'p' }
    expect((await client.describe(other))?.run).toEqual((await persister.describe(other))?.run)
    const all = await client.steps({ runId: 'a' })
    expect(all).toEqual(await persister.steps({ runId: 'a' }))
    const first = await client.steps({ runId: 'a', limit: 1 })
    expect(first.items).toEqual(all.items.slice(0, 1))
    expect((await client.steps({ runId: 'a', after: first.after })).items).toEqual(all.items.slice(1))
    await expect(client.chunks({ runId: 'a', step: 0 })).rejects.toMatchObject({ code: 'no-events', status: 404 })
  })

  it('has the difference of two states, as a patch and as a JSON Patch', async () => {
    const client = clientOf(handlerOf({ persister: await stored() }))
    expect(await client.diff({ runId: 'a', from: 0, to: 2 })).toEqual([
      '{',
      { n: ['=', 3], list: ['[', {}, 1, [1, 2]] },
      [],
    ])
    expect(await client.jsonPatch({ runId: 'a', from: 1 })).toEqual([
      { op: 'replace', path: '/n', value: 3 },
      { op: 'add', path: '/list/2', value: 2 },
    ])
    expect(await client.diff({ runId: 'a', from: 2, to: 2 })).toBeUndefined()
    await expect(client.diff({ runId: 'a', to: 9 })).rejects.toMatchObject({ code: 'no-step' })
  })

  it('gets the steps of one action, and passes over pages that have none', async () => {
    const many = defineState<{ n: number }>()
    const count = many.action({ reads: ['n'], writes: ['n'], run: ({ state: { n } }) => ({ n: n + 1 }) })
    const end = many.action({ reads: [], writes: [], run: () => ({}) })
    const graph = many.graph({
      actions: { count, end },
      transitions: { count: [{ to: 'count', when: ({ state: { n } }) => n < 7 }, { to: 'end' }] },
    })
    const persister = memoryPersister()
    const options = { appId: 'a', entrypoint: 'count', state: { n: 0 }, persister, logger: quiet } as const
    await (await resumeOrCreate(graph, options)).run()
    const handler = handlerOf({ persister })
    const steps = async (query: string) => (await ask(handler, `/api/v1/runs/a/steps?${query}`)).body as Steps

    expect((await steps('action=end&limit=2')).items.map(({ sequenceId }) => sequenceId)).toEqual([7])
    const first = await steps('action=count&limit=2')
    expect(first.items.map(({ action }) => action)).not.toContain('')
    const rest = await steps(`action=count&limit=100&after=${first.after}`)
    expect([...first.items, ...rest.items].map(({ sequenceId }) => sequenceId)).toEqual([0, 1, 2, 3, 4, 5, 6])
    expect(await steps('action=none&limit=2')).toEqual({ items: [] })
  })

  it('gets lists of steps without large values, and one step with them', async () => {
    const persister = memoryPersister()
    const write = kit.action({
      reads: [],
      writes: ['list'],
      run: () => ({ list: Array.from({ length: 900 }, (_, i) => i) }),
    })
    const options = { entrypoint: 'write', state: { n: 0 }, persister, logger: quiet } as const
    await (await resumeOrCreate(kit.graph({ actions: { write } }), { ...options, appId: 'a' })).run()
    const handler = handlerOf({ persister })
    const short = (await ask(handler, '/api/v1/runs/a/steps')).body
    const whole = (await ask(handler, '/api/v1/runs/a/steps?payloads=whole')).body
    expect(JSON.stringify(short).length).toBeLessThan(2000)
    expect(JSON.stringify(short)).toContain('{"$":"cut","n":')
    expect(whole).toEqual(await persister.steps({ runId: 'a' }))
  })

  it('names kinds and labels of any text', async () => {
    const asked: unknown[] = []
    const reader = {
      ...memoryPersister(),
      pending: async (query: unknown) => {
        asked.push(query)
        return { items: [] }
      },
    }
    const query = {
      partitionKey: '',
      kinds: ['a,b', '100%', 'c'],
      answered: true,
      labels: { 'x:y': 'a,b', z: '' },
      limit: 3,
    }
    await clientOf(handlerOf({ reader })).pending(query)
    expect(asked).toEqual([{ ...query, after: undefined }])
  })

  it('gets nothing for what is not there', async () => {
    const { client } = await logged()
    expect(await client.describe({ runId: 'none' })).toBeUndefined()
    expect(await client.state({ runId: 'run-1', sequenceId: 99 })).toBeUndefined()
    expect(await client.graph('none')).toBeUndefined()
  })

  it('rejects with every fault of a query', async () => {
    const { client } = await logged()
    const bad = { status: 'filed' as 'failed', limit: 0.5 }
    await expect(client.list(bad)).rejects.toMatchObject({
      name: 'UiError',
      code: 'bad-query',
      issues: [
        'status has the unknown value "filed". Did you mean "failed"?',
        'limit is "0.5"; it takes a whole number.',
      ],
    })
  })

  it('is unavailable where no server is', async () => {
    const client = clientOf(handlerOf({ persister: memoryPersister() }), {
      fetch: () => Promise.reject(new TypeError('fetch failed')),
    })
    await expect(client.list()).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('draws graphs that are given in code, by their name', async () => {
    const graphs = { counter: hosted(counter, { entrypoint: 'add' }), one: add }
    const client = clientOf(handlerOf({ persister: memoryPersister(), graphs }))
    expect((await client.graph('counter'))?.entry).toBe('add')
    expect((await client.graph('one'))?.actions).toHaveLength(1)
  })

  it('exports a run as lines', async () => {
    const { client } = await logged()
    const text = await new Response(await client.exportRun({ runId: 'run-1' })).text()
    const types = text
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { type: string }).type)
    expect(types.slice(0, 4)).toEqual(['export', 'graph', 'picture', 'tree'])
    expect(types.filter((type) => type === 'step')).toHaveLength(3)
    expect(types.at(-1)).toBe('run.end')
    await expect(client.exportRun({ runId: 'none' })).rejects.toMatchObject({ code: 'no-run' })
  })
})

describe('projects of a folder', () => {
  it('appear when their folder does, and no name leads out of it', async () => {
    const dir = folder()
    const handler = handlerOf(projectsIn(join(dir, 'logs')))
    const client = clientOf(handler)
    expect(await client.projects()).toEqual([])
    mkdirSync(join(dir, 'logs/later/runs'), { recursive: true })
    mkdirSync(join(dir, 'secret/runs'), { recursive: true })
    expect(await client.projects()).toEqual([{ name: 'later', runs: {}, day: {}, actions: [], streams: 'events' }])
    for (const project of ['../secret', '..', 'none', '%2e%2e%2fsecret'])
      expect((await ask(handler, `/api/v1/runs?project=${encodeURIComponent(project)}`)).status).toBe(404)
    writeFileSync(join(dir, 'secret/runs/x.0.0.jsonl'), 'hidden')
    for (const run of ['..%2F..%2F..%2Fsecret%2Fruns%2Fx', '%2e%2e', 'x%00'])
      expect((await ask(handler, `/api/v1/runs/${run}`)).status).toBeGreaterThanOrEqual(400)
  })
})
