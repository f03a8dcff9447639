import { createApplication, defineState } from 'teasel'
import { fileReader, fileTracker } from 'teasel/tracking/file'
import { describe, expect, it } from 'vitest'
import { quiet } from '../support/quiet-logger.js'
import { folder } from './folders.js'

const kit = defineState<{ n: number; sum: number }>()

describe('an error in a log', () => {
  it('has its words and its causes where a part of it is no data', async () => {
    const work = kit.action({
      reads: ['n'],
      writes: ['n'],
      run: () => {
        throw new RangeError('429: too many requests', { cause: new Error('the limit of the tenant') })
      },
    })
    const fan = kit.mapStates({
      ...{ reads: [], writes: ['sum'], action: work, states: [{ n: 1 }, { n: 2 }], concurrency: 1 },
      reduce: () => ({ sum: 0 }),
    })
    const dir = folder()
    await using tracker = fileTracker({ dir })
    const options = { appId: 'fan-1', entrypoint: 'fan', state: { n: 0 }, tracker, logger: quiet } as const
    const thrown: unknown = await createApplication(kit.graph({ actions: { fan } }), options)
      .run()
      .catch((error: unknown) => error)

    const reader = fileReader({ dir })
    const message = thrown instanceof Error ? thrown.message : ''
    const head = { name: 'ParallelError', code: 'parallel', message }
    const told = {
      ...head,
      cause: { name: 'ActionError', cause: { name: 'RangeError', cause: { message: 'the limit of the tenant' } } },
    }
    expect((await reader.list()).items[0]?.error).toMatchObject(head)
    expect((await reader.describe({ runId: 'fan-1' }))?.root.error).toMatchObject(told)
    expect((await reader.steps({ runId: 'fan-1', status: 'failed' })).items[0]?.error).toMatchObject(told)
  })
})
