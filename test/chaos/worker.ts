import { resumeOrCreate, systemClock } from 'teasel'
import type { Executor } from 'teasel/executor'
import { jobExecutor } from 'teasel/executor/jobs'
import { processes } from 'teasel/executor/processes'
import { threads } from 'teasel/executor/threads'
import { createPersister, PersistenceError, type Persister } from 'teasel/persistence'
import { fileTracker } from 'teasel/tracking/file'
import { overDriver } from '../support/over-driver.js'
import { workerEnv } from './deaths.js'
import { type Draw, randomOf } from './draw.js'
import { END } from './ends.js'
import { driverAt } from './job-queue.js'
import { openStore } from './open-store.js'
import { graphOf, start } from './work.js'

// One life of the application: resumes it, and is killed by its parent, or kills itself at a boundary of persistence.

const env = process.env
const killAt = Number(env['CHAOS_KILL_AT'] ?? 0)
const killAfter = env['CHAOS_KILL_WHEN'] === 'after'
const draw = JSON.parse(env['CHAOS_DRAW'] ?? '') as Draw
const random = randomOf(Number(env['CHAOS_SEED'] ?? 0))

let borders = 0
/** Counts the writes, and dies before or after one of them. */
function border<T>(write: () => T): T {
  borders += 1
  if (borders === killAt && !killAfter) process.kill(process.pid, 'SIGKILL')
  const answer = write()
  if (borders !== killAt || !killAfter) return answer
  const die = (): boolean => process.kill(process.pid, 'SIGKILL')
  if (answer instanceof Promise) answer.then(die, die)
  else die()
  return answer
}

const away = () => new PersistenceError('No connection.', { fault: 'unavailable', appId: undefined })
/** A store that goes away now and then, for a while; at times after it has done the call. */
function storeAt(place: string): Persister {
  const { driver } = openStore(place)
  let back = 0
  const asked = <T>(ask: () => T): T => {
    if (performance.now() < back) throw away()
    if (random() >= draw.outages) return ask()
    back = performance.now() + random() * draw.awayMs
    // The answer is lost: the call may be done.
    if (random() < 0.5) void Promise.resolve(ask()).catch(() => {})
    throw away()
  }
  const flaky = overDriver(driver, {
    claim: (root, writer, how) => border(() => asked(() => driver.claim(root, writer, how))),
    beat: (...beat) => asked(() => driver.beat(...beat)),
    save: (group) => border(() => asked(() => driver.save(group))),
    load: (partitionKey, appIds, until) => asked(() => driver.load(partitionKey, appIds, until)),
    history: (partitionKey, appId) => asked(() => driver.history(partitionKey, appId)),
    inbox: (root) => asked(() => driver.inbox(root)),
    ...(driver.watch && { watch: driver.watch.bind(driver) }),
  })
  return createPersister(flaky)
}

let shift = draw.jumps ? Math.floor((random() - 0.5) * 7_200_000) : 0
const clock = { ...systemClock, now: () => Date.now() + shift }
const disturb = setInterval(() => {
  if (draw.jumps && random() < 0.01) shift += Math.floor((random() - 0.5) * 1_000)
}, 5)
disturb.unref()

/** A process that was stopped may hold the lock of the file. */
const isLocked = ({ message }: Error): boolean => message.includes('database is locked')

function failed(error: unknown): never {
  // The run reports a lost store by itself; anything else is a fault of the engine.
  if (PersistenceError.is(error) && error.fault === 'unavailable' && (draw.outages > 0 || isLocked(error)))
    process.exit(END.away)
  if (PersistenceError.is(error) && error.fault === 'taken-over') process.exit(END.takenOver)
  console.error(error)
  if (PersistenceError.is(error) && error.fault === 'conflict') process.exit(END.conflict)
  process.exit(END.failed)
}

/** Where the branches run. A branch is lost any number of times. */
function executorOf(place: Draw['executor']): Executor | undefined {
  if (place === undefined) return undefined
  if (place === 'bullmq') return jobExecutor(driverAt(env['CHAOS_QUEUE'] ?? ''), { maxDeliveries: 1_000, logger })
  const worker = new URL('./pool-worker.mjs', import.meta.url)
  const options = { worker, workers: 2, maxDeliveries: 1_000, env: workerEnv(place) }
  return place === 'threads' ? threads(options) : processes(options)
}

/** The last lines of the log: printed when this process hangs. */
const lines: string[] = []
const log = (line: string): void => {
  lines.push(`${performance.now().toFixed(0)} ${line}`)
  if (lines.length > 30) lines.shift()
}
const logger = { debug: log, info: log, warn: log, error: log }
const executor = executorOf(draw.executor)
const { CHAOS_TRACK: dir } = env
const tracker = dir === undefined ? undefined : fileTracker({ dir, logger })
/** Ends the process. Workers of jobs outlive it, so they are told. */
async function exit(code: number): Promise<never> {
  if (draw.executor === 'bullmq') await executor?.close()
  process.exit(code)
}

let report = (): unknown => 'not made yet'
process.on('SIGUSR2', () => {
  console.error(process.pid, JSON.stringify(report()))
  console.error(lines.join('\n'))
})
try {
  const [persister, own] = [storeAt(env['CHAOS_FILE'] ?? ''), storeAt(env['CHAOS_OWN'] ?? '')]
  const { save, whenUnavailable } = draw
  const app = await resumeOrCreate(graphOf(draw, own), {
    appId: 'chaos',
    entrypoint: 'work',
    state: start,
    persister,
    save: save as 'every-step',
    whenUnavailable,
    clock,
    logger,
    inboxPollMs: 50,
    ...(executor && { executor }),
    ...(tracker && { tracker }),
  })
  report = () => ({ sequenceId: app.sequenceId, next: app.next, state: app.state, snapshot: app.actor.getSnapshot() })
  process.once('SIGTERM', () => {
    void app.shutdown('SIGTERM').then(() => exit(0), failed)
  })
  if (draw.saves) setInterval(() => random() < 0.2 && void app.save().catch(() => {}), 10).unref()
  console.log('ready')
  const { status, state } = await app.run({ whenWaiting: 'return' })
  console.log(JSON.stringify({ status, state, borders }))
  await exit(
    status === 'finished' ? END.done : status === 'waiting' ? END.waits : status === 'cancelled' ? 0 : END.failed,
  )
} catch (error) {
  failed(error)
}
