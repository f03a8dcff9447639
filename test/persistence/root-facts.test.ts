import { createApplication, defineState, resumeOrCreate, type TrackedRun, type Tracker } from 'teasel'
import { describeApp } from 'teasel/live'
import { fileReader, fileTracker } from 'teasel/tracking/file'
import { afterAll, describe, expect, it } from 'vitest'
import { quiet } from '../support/quiet-logger.js'
import { storesOf } from '../support/stores.js'
import { folder } from '../tracking/folders.js'

// Name, title and labels of a run are given once: whoever resumes it has them from the store.

const { stores, close } = await storesOf('facts')
afterAll(close)

const kit = defineState<{ n: number }>()
const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
const graph = kit.graph({ actions: { add }, transitions: { add: 'add' } })
const options = { appId: 'app', entrypoint: 'add', state: { n: 0 }, logger: quiet } as const
const given = { name: 'sums', title: 'Sum 7', labels: { customer: '7' } } as const

describe.each(stores)('a run resumed from %s', (_, { open }) => {
  it('has the name, the title and the labels that it was stored with: for its tracker, alive, in its log', async () => {
    const [store, dir] = [open(), folder()]
    await createApplication(graph, { ...options, ...given, persister: store() }).run({ haltAfter: ['add'] })

    const begun: TrackedRun[] = []
    const tracker: Tracker = { begin: (run) => void begun.push(run), track: () => {} }
    const again = await resumeOrCreate(graph, { ...options, persister: store(), tracker })
    await again.run({ haltAfter: ['add'] })
    expect(begun).toMatchObject([given])
    expect((await describeApp(again)).run).toMatchObject(given)

    await using files = fileTracker({ dir })
    const third = await resumeOrCreate(graph, { ...options, persister: store(), tracker: files })
    await third.run({ haltAfter: ['add'] })
    files.flush()
    expect((await fileReader({ dir }).list({ labels: given.labels, name: given.name })).items).toMatchObject([given])
    expect((await store().list()).items).toMatchObject([given])
  })

  it('has those that the resume gives in place of stored ones, as the store has', async () => {
    const store = open()
    await createApplication(graph, { ...options, ...given, persister: store() }).run({ haltAfter: ['add'] })
    const again = await resumeOrCreate(graph, { ...options, title: 'Another', persister: store() })
    await again.run({ haltAfter: ['add'] })
    const facts = { ...given, title: 'Another' }
    expect((await describeApp(again)).run).toMatchObject(facts)
    expect((await store().list()).items).toMatchObject([facts])
  })
})
