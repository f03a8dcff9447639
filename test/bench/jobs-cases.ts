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

export const jobsCases: readonly Case[] = [
  {
    name: 'exec.bullmq',
    unit: '× reference',
    target: 8,
    run: withRig(({ executor }) => compared(9, () => subject.steps(executor), reference, 2)),
  },
]
