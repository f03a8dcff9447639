import { afterAll, describe, expect, it } from 'vitest'
import { survey } from '../../examples/27-cluster.js'
import { findRedis } from '../support/redis.js'

const redis = await findRedis()
const prefix = `teasel-cluster-test-${process.pid}`
afterAll(async () => {
  await redis?.drop(prefix)
  await redis?.drop(`{${prefix}`)
})

describe('a run on two workers', () => {
  it.skipIf(redis === undefined)(
    'goes on after one of them was killed, and repeats no step that was committed',
    async () => {
      const [killed, counted, ...report] = await survey(redis?.url ?? '', prefix)
      expect(killed).toBe('Worker two was killed in the middle of 2 branches; the run has finished.')
      expect(counted).toBe('8 addresses were split 8 times, and measured 10 times.')
      expect(report).toHaveLength(8)
    },
    120_000,
  )
})
