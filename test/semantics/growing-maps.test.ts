import { createApplication, defineState, resumeOrCreate } from 'teasel'
import { memoryPersister, type Persister } from 'teasel/persistence'
import { describe, expect, it } from 'vitest'

interface Many {
  readonly n: number
  readonly count: number
}
const kit = defineState<Many>()
const quiet = { debug() {}, info() {}, warn() {}, error() {} }

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

async function cutOffAndResumed(count: number, source: 'list' | 'generator', persister: Persister = memoryPersister()) {
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
  it.each(['list', 'generator'] as const)('out of a %s goes on from all that is recorded', async (source) => {
    const count = 2_500 // several notes

    const found = await cutOffAndResumed(count, source)

    expect(found).toEqual({ first: count, again: 1, status: 'finished', count })
  })

  it('whose list was cut off while it was recorded begins afresh', async () => {
    const persister = memoryPersister()
    const { driver } = persister
    let notes = 0
    const save = driver.save.bind(driver)
    driver.save = (group) => {
      if (group.rows.some(({ label }) => label === 'manifest') && ++notes === 2) throw new RangeError('cut off')
      return save(group)
    }

    const { first, again, status, count } = await cutOffAndResumed(2_500, 'list', persister)

    expect({ first, again, status, count }).toEqual({ first: 0, again: 2_500, status: 'finished', count: 2_500 })
  })
})
