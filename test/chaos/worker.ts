import { resumeOrCreate } from 'teasel'
import { createPersister, type PersisterDriver, type Row } from 'teasel/persistence'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { graph, start } from './work.js'

// One life of the application: resumes it, and is killed by its parent, or kills itself at a border of persistence.

const env = process.env
const killAt = Number(env['CHAOS_KILL_AT'] ?? 0)
const killAfter = env['CHAOS_KILL_WHEN'] === 'after'
const control = env['CHAOS_CONTROL'] === '1'
const { driver } = sqlitePersister({ file: env['CHAOS_FILE'] ?? '' })

let borders = 0
/** Counts what is written, and dies before or after one of them. */
function border<T>(write: () => T): T {
  borders += 1
  if (borders === killAt && !killAfter) process.kill(process.pid, 'SIGKILL')
  const answer = write()
  if (borders === killAt && killAfter) process.kill(process.pid, 'SIGKILL')
  return answer
}

/** Journal off: rows are written where there is room, and nothing that is stored is read. */
async function moved(row: Row): Promise<Row> {
  const history = await driver.history(null, row.appId)
  return { ...row, index: history.length }
}

const watched: PersisterDriver = {
  name: driver.name,
  claim: (root, writer) => border(() => driver.claim(root, writer)),
  save: (group) =>
    border(async () => {
      if (!control) return driver.save(group)
      for (const row of group.rows) await driver.save({ ...group, rows: [await moved(row)] })
    }),
  load: (partitionKey, appIds, until) =>
    control ? appIds.map(() => undefined) : driver.load(partitionKey, appIds, until),
  history: (partitionKey, appId) => driver.history(partitionKey, appId),
  list: (options) => driver.list(options),
  delete: (root) => driver.delete(root),
  post: (root, appId, data) => driver.post(root, appId, data),
  inbox: (root) => (control ? [] : driver.inbox(root)),
  close: () => driver.close(),
}
// The driver of SQLite answers at once, and so does this one: where it is asked is where it dies.
const plain: PersisterDriver = { ...watched, save: (group) => border(() => driver.save(group)) }

const persister = createPersister(control ? watched : plain)
const app = await resumeOrCreate(graph, { appId: 'chaos', entrypoint: 'work', state: start, persister })
process.once('SIGTERM', () => {
  void app.shutdown('SIGTERM').then(() => process.exit(0))
})
console.log('ready')
const { status, state } = await app.run({ whenWaiting: 'return' })
console.log(JSON.stringify({ status, state, borders }))
process.exit(status === 'finished' ? 42 : status === 'waiting' ? 43 : 44)
