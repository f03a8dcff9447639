import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createApplication, defineMessage, defineState, resumeOrCreate, type } from 'teasel'
import { sqlitePersister } from 'teasel/persistence/sqlite'

// A run waits for a person, its process ends, and another one resumes it.
const folder = mkdtempSync(join(tmpdir(), 'teasel-'))
const kit = defineState()
const approved = defineMessage('approved', type())
const draft = kit.action({ reads: [], writes: ['text'], run: () => ({ text: 'draft' }) })
const ask = kit.action({
  reads: ['text'],
  writes: ['text'],
  run: async ({ state, context }) => {
    const { body } = await context.receiveOne(approved)
    return { text: `${state.text}, ${body}` }
  },
})
const graph = kit.graph({ actions: { draft, ask }, transitions: { draft: 'ask' } })
const open = () => sqlitePersister({ file: join(folder, 'runs.db') })
const first = open()
const app = createApplication(graph, { appId: 'a', entrypoint: 'draft', state: {}, persister: first })
assert.equal((await app.run({ whenWaiting: 'return' })).status, 'waiting')
await app.shutdown('restart')
await first.close()

const second = open()
const again = await resumeOrCreate(graph, { appId: 'a', entrypoint: 'draft', state: {}, persister: second })
const run = again.run()
await again.send(approved('approved'))
assert.equal((await run).state.text, 'draft, approved')
await again.shutdown('done')
await second.close()
rmSync(folder, { recursive: true })
