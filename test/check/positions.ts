import { type AnyEvent, printPath, resumeOrCreate } from 'teasel'
import { createPersister, memoryPersister, type Persister, type PersisterDriver, rewind } from 'teasel/persistence'
import { systemClock } from '../../src/internal/clock.js'
import { overDriver } from '../support/over-driver.js'
import { quiet } from '../support/quiet-logger.js'
import { Behaviour, type Edit, program } from './program.js'

/** The options with which the program of today resumes its runs. */
export const OPTIONS = { entrypoint: 'begin', state: {}, version: 1 } as const

const LONG_MS = 100_000

/** A clock whose long waits end after other milliseconds, or never. */
export const clockOver = (longMs: number | undefined) => ({
  ...systemClock,
  setTimeout(fn: () => void, ms: number): unknown {
    if (ms >= LONG_MS && longMs === undefined) return undefined
    return systemClock.setTimeout(fn, ms >= LONG_MS ? (longMs as number) : ms)
  },
})

export const appId = 'job'

/** Opens the run of a program. */
export const open = (persister: Persister, edit: Edit, behaviour: Behaviour, options: object = {}) =>
  resumeOrCreate(program(edit, behaviour), {
    ...OPTIONS,
    persister,
    appId,
    logger: quiet,
    clock: clockOver(undefined),
    ...options,
  } as never)

type App = Awaited<ReturnType<typeof open>>

/** A program before the edit, and the way to a position. */
export interface Position {
  readonly edit?: Edit
  readonly go: (app: App, behaviour: Behaviour, persister: Persister) => Promise<unknown>
}

/** Resolves when branches of the root have settled. */
function settled(app: App, ...paths: readonly string[]): Promise<void> {
  const missing = new Set(paths)
  return new Promise((resolve) => {
    app.on('branch.settled', (event: AnyEvent) => {
      missing.delete(printPath(event.path))
      if (missing.size === 0) resolve()
    })
  })
}

/** Runs until a branch stops in an action and the two others are done. */
async function halfDone(app: App, behaviour: Behaviour, end: () => Promise<unknown>): Promise<void> {
  const reached = Promise.all([behaviour.at('fan/b:close', 'stop'), settled(app, 'fan/a', 'fan/c')])
  const run = app.run().catch(() => {})
  await reached
  await end()
  await run
}

/** Runs until everything left waits. */
async function waits(app: App, behaviour: Behaviour, place: string): Promise<void> {
  void behaviour.at(place, 'wait')
  await app.run({ whenWaiting: 'return' })
}

const finish = (app: App) => app.run()

export const POSITIONS: Readonly<Record<string, Position>> = {
  'just created': { go: (app) => app.save() },
  'between two steps': { go: (app) => app.step() },
  'halted behind the map': { go: (app) => app.run({ haltAfter: 'fan' } as never) },
  'waiting for a message': { go: (app, behaviour) => waits(app, behaviour, ':wait') },
  'in a map of which two branches are done': {
    go: (app, behaviour) => halfDone(app, behaviour, () => app.shutdown()),
  },
  'in a map over a generator': {
    edit: { fan: 'generator' },
    go: (app, behaviour) => halfDone(app, behaviour, () => app.shutdown()),
  },
  'in a nested map': { go: (app, behaviour) => waits(app, behaviour, 'fan/b/deep/y:ask') },
  'in a map with a branch that waits': { go: (app, behaviour) => waits(app, behaviour, 'fan/c:look') },
  'after a failed step': {
    async go(app, behaviour) {
      void behaviour.at(':sum', 'fail')
      await app.run().catch(() => {})
    },
  },
  'after a failed branch': {
    edit: { settle: 'collect' },
    async go(app, behaviour) {
      void behaviour.at('fan/a:close', 'fail')
      await halfDone(app, behaviour, () => app.shutdown())
    },
  },
  finished: { go: finish },
  'rewound with a patch': {
    async go(app, _behaviour, persister) {
      await finish(app)
      await rewind({ persister, appId, sequenceId: 2, patch: { note: 'patched' } })
    },
  },
  forked: {
    async go(app, behaviour, persister) {
      await finish(app)
      await persister.delete({ appId })
      const from = await open(persister, {}, behaviour, { appId: 'first' })
      await from.run({ haltAfter: 'sum' } as never)
      await open(persister, {}, behaviour, { forkFrom: { appId: 'first', sequenceId: 1 } })
    },
  },
  'between two attempts of a branch': {
    edit: { retry: 3 },
    async go(app, behaviour) {
      void behaviour.at('fan/b:close', 'fail')
      const retried = new Promise<void>((resolve) => void app.on('retry', () => resolve()))
      const others = settled(app, 'fan/a', 'fan/c')
      const run = app.run().catch(() => {})
      await Promise.all([retried, others])
      await app.shutdown()
      await run
    },
  },
  cancelled: { go: (app, behaviour) => halfDone(app, behaviour, () => app.cancel({ reason: 'enough' })) },
  'in a map with a cancelled branch': {
    edit: { settle: 'collect' },
    async go(app, behaviour) {
      const reached = behaviour.at('fan/c:close', 'stop')
      const others = settled(app, 'fan/a')
      void behaviour.at('fan/b:close', 'stop').then(() => app.cancel({ path: 'fan/b', reason: 'enough' }))
      const cancelled = settled(app, 'fan/b')
      const run = app.run().catch(() => {})
      await Promise.all([reached, others, cancelled])
      await app.shutdown()
      await run
    },
  },
  'in a map with queued branches': {
    edit: { concurrency: 1 },
    async go(app, behaviour) {
      const reached = behaviour.at('fan/b:close', 'stop')
      const run = app.run().catch(() => {})
      await reached
      await app.shutdown()
      await run
    },
  },
}

/** Brings a run of the program before the edit to a position. @returns makes another store with that run */
export async function bring({ edit = {}, go }: Position): Promise<() => Promise<Persister>> {
  const acts: ((driver: PersisterDriver) => unknown)[] = []
  const { driver } = memoryPersister()
  const persister = createPersister(
    overDriver(driver, {
      save(group) {
        acts.push((other) => {
          other.claim(group, group.writer)
          return other.save(group)
        })
        return driver.save(group)
      },
      delete(root) {
        acts.push((other) => other.delete(root))
        return driver.delete(root)
      },
    }),
  )
  const behaviour = new Behaviour()
  const app = await open(persister, edit, behaviour)
  await go(app, behaviour, persister)
  await app[Symbol.asyncDispose]()
  return async () => {
    const other = memoryPersister()
    for (const act of acts) await act(other.driver)
    return other
  }
}
