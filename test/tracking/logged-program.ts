import { type Clock, createApplication, defineMessage, defineState, type Tracker, type as typeOf } from 'teasel'
import type { Persister } from 'teasel/persistence'
import { type Deferred, defer } from '../support/deferred.js'
import { quiet } from '../support/quiet-logger.js'

// A run with most of what a log may have: chunks, a retry, a question, a cancelled branch, values of all kinds.

interface Work {
  topic: string
  draft: string
  report: string
  when: Date
  n: bigint
}
const kit = defineState<Work>()
const verdict = defineMessage('verdict', typeOf<string>())

/** More options of the application. */
type More = { readonly persister?: Persister; readonly clock?: Clock }

function loggedProgram(tracker: Tracker, more: More) {
  const gates = { write: defer<void>(), slow: defer<void>() }
  const plan = kit.action({
    reads: ['topic'],
    writes: ['draft', 'when', 'n'],
    run: ({ state }) => ({ draft: `About ${state.topic}`, when: new Date(0), n: 7n }),
  })
  const write = kit.action({
    reads: ['draft'],
    writes: ['report'],
    async *run() {
      yield 'Teasels '
      yield 'comb '
      yield 'fibres'
      await gates.write.promise
      return { report: 'Teasels comb fibres' }
    },
  })
  const slow = kit.action({
    reads: ['draft'],
    writes: ['report'],
    run: ({ signal }) =>
      new Promise<{ report: string }>((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error))
      }),
  })
  let tries = 0
  const review = kit.action({
    reads: ['draft'],
    writes: ['report'],
    retry: { attempts: 2, delayMs: 0 },
    async run({ context }) {
      tries += 1
      if (tries === 1) throw new RangeError('busy')
      const { body } = await context.receiveOne(verdict, { ask: { of: 'draft' } })
      return { report: body }
    },
  })
  const fan = kit.mapActions({
    reads: ['draft'],
    writes: ['report'],
    settle: 'collect',
    actions: { write, slow, review },
    watch: ({ event, cancel }) => {
      if (event.type === 'branch.settled' && event.key === 'write') cancel('slow', 'write was first')
    },
    reduce: ({ results }) => ({ report: results.map(({ key, status }) => `${key} ${status}`).join(', ') }),
  })
  const graph = kit.graph({ actions: { plan, fan }, transitions: { plan: 'fan' } })
  const app = createApplication(graph, {
    appId: 'run-1',
    entrypoint: 'plan',
    state: { topic: 'teasels' },
    tracker,
    logger: quiet,
    ...more,
  })
  return { app, gates }
}

/** The run until it waits for its answer, then until its end. */
export async function runLogged(tracker: Tracker, meanwhile: () => Promise<unknown> = async () => {}, more: More = {}) {
  const { app, gates } = loggedProgram(tracker, more)
  const waiting: Deferred<void> = defer()
  app.on('wait', () => waiting.resolve())
  const run = app.run()
  await waiting.promise
  gates.write.resolve()
  const settled: Deferred<void> = defer()
  app.on('branch.settled', ({ key }) => {
    if (key === 'slow') settled.resolve()
  })
  await settled.promise
  await meanwhile()
  await app.send(verdict('yes'), { path: 'fan/review' })
  return await run
}
