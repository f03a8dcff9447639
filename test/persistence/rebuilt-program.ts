import { defineMessage, defineState, resumeOrCreate, type } from 'teasel'
import { sqlitePersister } from 'teasel/persistence/sqlite'

// A program that waits in a nested map. The test builds it in several ways; each build continues the job of the last.

interface Job {
  rounds: number
  parts: string[]
  text: string
}
const answered = defineMessage('answered', type<string>())
const kit = defineState<Job>()

let counted = 0
const count = kit.action({
  reads: ['rounds'],
  writes: ['rounds'],
  run: ({ state: { rounds } }) => {
    counted += 1
    return { rounds: rounds + 1 }
  },
})
const ask = kit.action({
  reads: ['rounds'],
  writes: ['text'],
  run: async ({ state: { rounds }, context }) => {
    const { body } = await context.receiveOne(answered)
    return { text: `${body} after ${rounds}` }
  },
})
const branch = kit
  .graph({
    actions: { count, ask },
    transitions: { count: [{ to: 'count', when: ({ state: { rounds } }) => rounds < 2 }, { to: 'ask' }] },
  })
  .runnable({ entrypoint: 'count' })
const inner = kit.mapStates({
  reads: [],
  writes: ['parts'],
  action: branch,
  states: { a: { rounds: 0 }, b: { rounds: 1 } },
  reduce: ({ results }) => ({ parts: results.map(({ state: { text } }) => text) }),
})
const join = kit.action({
  reads: ['parts'],
  writes: ['text'],
  run: ({ state: { parts } }) => ({ text: parts.join(', ') }),
})
const outer = kit.mapActions({
  reads: [],
  writes: ['text'],
  actions: {
    nested: kit.graph({ actions: { inner, join }, transitions: { inner: 'join' } }).runnable({ entrypoint: 'inner' }),
  },
  reduce: ({ branches }) => ({ text: branches.nested.state.text }),
})

const [file = '', answers] = process.argv.slice(2)
const persister = sqlitePersister({ file })
const app = await resumeOrCreate(kit.graph({ actions: { outer } }), {
  appId: 'job',
  entrypoint: 'outer',
  state: {},
  persister,
})
const run = app.run({ whenWaiting: 'return' })
let outcome = await run
if (answers !== undefined) {
  for (const key of ['a', 'b']) await app.send(answered(answers), { path: `outer/nested/inner/${key}` })
  outcome = await app.run()
}
console.log(JSON.stringify({ status: outcome.status, text: outcome.state.text, counted }))
await app[Symbol.asyncDispose]()
await persister.close()
