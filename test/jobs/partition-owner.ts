import { resumeOrCreate } from 'teasel'
import { bullmq } from 'teasel/executor/bullmq'
import { createPersister } from 'teasel/persistence'
import { redisPersister } from 'teasel/persistence/redis'
import { overDriver } from '../support/over-driver.js'
import { queueOf, STORE } from './partition-queue.js'
import { graph } from './partition-work.js'

// The owner of a run, on a host of its own. It tells each round that is over; then the steps that it has committed.

const quiet = { debug() {}, info() {}, warn() {}, error: console.error }
const options = queueOf(process.env)
const { driver } = redisPersister({ connection: options.connection, prefix: STORE, timeoutMs: 1_000, logger: quiet })
const committed: string[] = []
const counting = overDriver(driver, {
  async save(group) {
    await driver.save(group)
    for (const { appId, sequenceId, kind } of group.rows)
      if (kind !== 'note' && sequenceId >= 0 && appId !== 'net') committed.push(`${appId} ${sequenceId}`)
  },
})
const persister = createPersister(counting)
await using executor = bullmq({ ...options, logger: quiet })
const app = await resumeOrCreate(graph, {
  ...{ appId: 'net', entrypoint: 'all', state: { round: 0, tokens: [] } },
  ...{ persister, executor, logger: quiet },
  whenUnavailable: 'wait',
})
app.on('step.end', ({ appId }) => {
  if (appId === 'net') console.log('round')
})
const { status, state } = await app.run()
console.log(JSON.stringify({ status, tokens: state.tokens, committed }))
await executor.close()
await persister.close()
