import type { Case, Measured } from './case.js'
import { compared, reference } from './exec-cases.js'
import * as subject from './exec-subjects.js'
import { type JobsRig, type JobsRigOptions, jobsRig } from './jobs-rig.js'

// Branches as jobs of BullMQ, in two worker processes beside a Redis of this machine.

const withRig =
  (work: (rig: JobsRig) => Promise<Measured>, options?: JobsRigOptions) => async (): Promise<Measured> => {
    const rig = await jobsRig(options)
    if (rig === undefined)
      return { samples: [], baseline: 0, skipped: 'There is no Redis server. Give its URL in TEASEL_REDIS.' }
    try {
      return await work(rig)
    } finally {
      await rig.close()
    }
  }

/** Milliseconds until a running branch is cancelled, there and back. */
const cancel = withRig(async ({ executor }) => {
  const samples: number[] = []
  for (let i = 0; i < 24; i++) {
    const { app, began } = subject.holding(executor)
    const run = app.run()
    await began(1)
    const start = performance.now()
    await app.cancel({ path: 'map/one', reason: 'enough' })
    await run
    if (i >= 4) samples.push(performance.now() - start)
  }
  return { samples, baseline: 0 }
})

const LOCK_MS = 2_000
const CHECK_MS = 1_000

/** Milliseconds until a branch whose worker was killed has begun in another one. */
const redeliver = withRig(
  async ({ executor, kill, start }) => {
    const samples: number[] = []
    for (let i = 0; i < 5; i++) {
      const { app, began } = subject.holding(executor)
      const run = app.run()
      const pid = await began(1)
      const killed = performance.now()
      await kill(pid)
      await began(2)
      samples.push(performance.now() - killed)
      await run
      await start()
    }
    return { samples, baseline: 0 }
  },
  { lockMs: LOCK_MS, stalledMs: CHECK_MS },
)

export const jobsCases: readonly Case[] = [
  {
    name: 'exec.bullmq',
    unit: '× reference',
    target: 8,
    run: withRig(({ executor }) => compared(9, () => subject.steps(executor), reference, 2)),
  },
  { name: 'exec.bullmq.cancel', unit: 'ms', target: 25, run: cancel },
  { name: 'exec.redeliver', unit: 'ms', target: LOCK_MS + CHECK_MS + 2_000, run: redeliver },
]
