import { createApplication, defineState, resumeOrCreate } from 'teasel'
import { memoryPersister } from 'teasel/persistence'
import { describe, expect, it } from 'vitest'
import { untilAborted } from '../support/deferred.js'
import { quiet } from '../support/quiet-logger.js'

interface Many {
  readonly n: number
  readonly count: number
}
const kit = defineState<Many>()

/** A map of `count` branches, the last of which fails while `lost` holds; `ran` counts those that run. */
function counting(count: number, source: 'list' | 'generator') {
  const told = { lost: true, ran: 0 }
  const leaf = kit.action({
    reads: ['n'],
    writes: ['n'],
    run({ state: { n } }) {
      told.ran += 1
      if (told.lost && n === count - 1) throw new RangeError('lost')
      return { n }
    },
  })
  function* one() {
    for (let n = 0; n < count; n++) yield { n }
  }
  const map = kit.mapStates({
    reads: [],
    writes: ['count'],
    action: leaf,
    states: source === 'list' ? () => [...one()] : one,
    initial: { count: 0 },
    reduceEach: ({ acc }) => ({ count: acc.count + 1 }),
  })
  return { graph: kit.graph({ actions: { map } }), told }
}

async function cutOffAndResumed(count: number, source: 'list' | 'generator') {
  const persister = memoryPersister()
  const { graph, told } = counting(count, source)
  const options = { appId: 'app', entrypoint: 'map', state: {}, persister, logger: quiet } as const
  await createApplication(graph, options)
    .run()
    .catch(() => undefined)
  const first = told.ran
  told.lost = false
  told.ran = 0
  const end = await (await resumeOrCreate(graph, options)).run()
  return { first, again: told.ran, status: end.status, count: end.state.count }
}

describe('a map of very many branches', () => {
  it.each(['list', 'generator'] as const)('from a %s is resumed from all its records', async (source) => {
    const count = 2_500 // several notes

    const found = await cutOffAndResumed(count, source)

    expect(found).toEqual({ first: count, again: 1, status: 'finished', count })
  })

  it('whose list was cut off during its recording is recorded afresh, and the half list is ignored', async () => {
    const persister = memoryPersister()
    const { driver } = persister
    let notes = 0
    const save = driver.save.bind(driver)
    driver.save = (group) => {
      if (group.rows.some(({ label }) => label === 'manifest') && ++notes === 2) throw new RangeError('cut off')
      return save(group)
    }

    const { graph } = counting(2_500, 'list')
    const options = { appId: 'app', entrypoint: 'map', state: {}, persister, logger: quiet } as const
    await createApplication(graph, options)
      .run()
      .catch(() => undefined)
    const half = (await persister.load({ appId: 'app' }))?.map

    await (await resumeOrCreate(graph, options)).run().catch(() => undefined)

    const whole = (await persister.load({ appId: 'app' }))?.map
    expect({ half, whole: whole?.entries.size, total: whole?.total }).toEqual({
      half: undefined,
      whole: 2_500,
      total: 2_500,
    })
  })
})

describe('the record of a branch', () => {
  it('that was cancelled with its siblings, and fails after a resume, holds its failure', async () => {
    const persister = memoryPersister()
    let first = true
    const a = kit.action({
      reads: [],
      writes: ['n'],
      run({ signal }) {
        if (first) return untilAborted(signal)
        throw new RangeError('later')
      },
    })
    const b = kit.action({
      reads: [],
      writes: ['n'],
      run() {
        if (first) throw new RangeError('first')
        return { n: 1 }
      },
    })
    const map = kit.mapActions({
      reads: [],
      writes: ['count'],
      actions: { a, b },
      reduce: ({ results }) => ({ count: results.length }),
    })
    const options = { appId: 'app', entrypoint: 'map', state: {}, persister, logger: quiet } as const
    const graph = kit.graph({ actions: { map } })
    await createApplication(graph, options)
      .run()
      .catch(() => undefined)
    first = false
    const again = await resumeOrCreate(graph, options)
    let appId = ''
    again.on('branch.settled', (event) => {
      if (event.key === 'a') appId = event.appId
    })
    await again.run().catch(() => undefined)

    const stored = await persister.load({ appId })

    expect({ status: stored?.status, failed: stored?.failed?.error.message, cancelled: stored?.cancelled }).toEqual({
      status: 'failed',
      failed: expect.stringContaining('later'),
      cancelled: undefined,
    })
  })
})
