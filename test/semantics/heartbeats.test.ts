import { createApplication, defineState } from 'teasel'
import { memoryPersister } from 'teasel/persistence'
import { ManualClock } from 'teasel/testing'
import { expect, it } from 'vitest'
import { defer, flush, untilAborted } from '../support/deferred.js'
import { quiet } from '../support/quiet-logger.js'

// A branch that has not committed a step has no rows: another process sees it by the heartbeat of its run.

const kit = defineState<{ out: string }>()
const retry = { attempts: 2, delayMs: 60_000, factor: 1, jitter: 0 }
const works = kit.action({ reads: [], writes: ['out'], run: ({ signal }) => untilAborted(signal) })
const reports = kit.action({
  reads: [],
  writes: ['out'],
  run: ({ signal, context }) => {
    context.progress(0.5)
    return untilAborted(signal)
  },
})
const fails = () => {
  throw new TypeError('busy')
}
const failing = kit.action({ reads: [], writes: ['out'], retry, run: fails })
const answering = kit.action({ reads: [], writes: ['out'], run: () => ({ out: 'yes' }) })
const above = kit.mapActions({
  reads: [],
  writes: ['out'],
  actions: { one: failing },
  reduce: () => ({ out: '' }),
})
const folding = kit.mapActions({ reads: [], writes: ['out'], actions: { one: answering }, retry, reduce: fails })

it('reports what each live branch does, with its progress where it has reported one', async () => {
  const all = kit.mapActions({
    reads: [],
    writes: ['out'],
    actions: { works, reports, failing, above, folding, asked: answering },
    reduce: () => ({ out: '' }),
  })
  const asked = defer()
  const interceptors = [{ beforeBranch: ({ key }: { key: string }) => (key === 'asked' ? asked.promise : undefined) }]
  const clock = new ManualClock()
  const persister = memoryPersister({ now: () => clock.now() })
  const app = createApplication(kit.graph({ actions: { all } }), {
    ...{ entrypoint: 'all', state: {}, appId: 'run', clock, persister, leaseMs: 30_000, logger: quiet, interceptors },
  })
  const delayed = defer()
  let delays = 0
  app.on('retry', () => {
    delays += 1
    if (delays === 3) delayed.resolve()
  })
  const run = app.run()
  await delayed.promise // however many turns a branch elsewhere takes
  await flush()
  clock.advance(10_000)
  await flush()

  const stored = await persister.driver.find({ partitionKey: null, rootId: 'run' })
  const { counts, branches } = JSON.parse(stored?.claim?.beat?.data ?? '')
  const short = branches.map(({ path, status, attempt, action, progress }: Record<string, unknown>) => [
    (path as string[][])[0]?.[2],
    ...[status, attempt, action, progress],
  ])
  expect(counts).toEqual({ running: 2, retrying: 3, queued: 1 })
  expect(short).toEqual([
    ['works', 'running', 1, undefined, undefined],
    ['reports', 'running', 1, 'reports', expect.objectContaining({ fraction: 0.5 })],
    ['failing', 'retrying', 1, undefined, undefined],
    ['above', 'retrying', 1, undefined, undefined],
    ['folding', 'retrying', 1, undefined, undefined],
    ['asked', 'queued', 0, undefined, undefined],
  ])
  asked.resolve()
  await app.shutdown()
  await run
})
