import { createApplication, defineState } from 'teasel'
import { defineRegistry } from 'teasel/executor'
import { jobExecutor } from 'teasel/executor/jobs'
import { memoryPersister } from 'teasel/persistence'
import { memoryEngine } from 'teasel/testing'
import { describe, expect, it } from 'vitest'
import { sharedStore } from './job-rig.js'

const kit = defineState<{ readonly n: number }>()
const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
defineRegistry({ name: 'store test', graphs: { add } })
const map = (persister?: null) =>
  kit.mapStates({
    reads: [],
    writes: ['n'],
    action: add,
    states: [{ n: 1 }],
    ...(persister === null && { persister }),
    reduce: ({ results: [one] }) => ({ n: one?.state.n ?? 0 }),
  })

describe('an application whose branches are jobs', () => {
  const build = (more: object, persister?: null) =>
    createApplication(kit.graph({ actions: { first: map(persister), second: map(persister) } }), {
      entrypoint: 'first',
      state: {},
      executor: jobExecutor(memoryEngine().connect()),
      ...more,
    })

  it('is refused without a store, with every map and the line to write', () => {
    expect(() => build({})).toThrowErrorMatchingInlineSnapshot(`
      [TypeError: Action "first" runs its branches in "memory", on other machines, and the application has no store.
      Action "second" runs its branches in "memory", on other machines, and the application has no store.
      Give the application persister: postgresPersister({ url }), or another store that other machines can open. For branches that may be lost with this process, give the map persister: null, or the executor requiresStore: false.]
    `)
  })
  it('is refused with a store that other machines cannot open', () => {
    expect(() => build({ persister: memoryPersister() })).toThrow(/cannot open the store "memory"/)
  })
  it('is made with a store that they can open', () => {
    expect(build({ persister: sharedStore()() }).appId).toBeTypeOf('string')
  })
  it('is made where its maps store nothing', () => {
    expect(build({}, null).appId).toBeTypeOf('string')
  })
  it('is made where its executor requires no store', () => {
    const executor = jobExecutor(memoryEngine().connect(), { requiresStore: false })
    expect(build({ executor }).appId).toBeTypeOf('string')
  })
})
