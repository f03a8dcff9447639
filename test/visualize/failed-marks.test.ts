import { createApplication, defineState, type } from 'teasel'
import { memoryPersister } from 'teasel/persistence'
import { fileReader, fileTracker } from 'teasel/tracking/file'
import { readMarks } from 'teasel/visualize'
import { describe, expect, it } from 'vitest'
import { quiet } from '../support/quiet-logger.js'
import { folder } from '../tracking/folders.js'

// The action in which an application failed is marked, and the way that led to it, whatever the source of the run has.

const kit = defineState<{ fails: string; out: string }>()
const work = kit.action({
  reads: ['fails'],
  writes: ['out'],
  inputs: { name: type<string>() },
  run({ state: { fails }, inputs: { name } }) {
    if (fails === name) throw new RangeError(name)
    return { out: name }
  },
})
const branch = kit.graph({
  actions: { first: work.bind({ name: 'first' }), second: work.bind({ name: 'second' }) },
  transitions: { first: 'second' },
})
const fan = kit.mapStates({
  reads: [],
  writes: ['out'],
  action: branch.runnable({ entrypoint: 'first' }),
  settle: 'collect',
  states: { early: { fails: 'first' }, late: { fails: 'second' }, none: { fails: '' } },
  reduce: () => ({ out: 'reduced' }),
})
const graph = kit.graph({
  actions: { fan, last: work.bind({ name: 'last' }) },
  transitions: { fan: 'last' },
})

async function run() {
  const [dir, persister] = [folder(), memoryPersister()]
  await using tracker = fileTracker({ dir })
  const options = {
    appId: 'a',
    entrypoint: 'fan',
    state: { fails: 'last' },
    persister,
    tracker,
    logger: quiet,
  } as const
  await createApplication(graph, options)
    .run()
    .catch(() => {})
  tracker.flush()
  return { store: persister, log: fileReader({ dir }) }
}

describe.each(['store', 'log'] as const)('the marks of a %s', (source) => {
  it('have the action in which a branch failed, its first one too, and that of the run', async () => {
    const marks = await readMarks((await run())[source], { runId: 'a', partitionKey: null })

    const statusOf = (path: string) => marks?.actions[path]?.status
    expect(['early', 'late', 'none'].map((key) => statusOf(`fan/${key}/first`))).toEqual(['failed', 'done', 'done'])
    expect(['early', 'late', 'none'].map((key) => statusOf(`fan/${key}/second`))).toEqual([undefined, 'failed', 'done'])
    expect([statusOf('fan'), statusOf('last')]).toEqual(['done', 'failed'])
    expect(marks?.taken).toMatchObject({
      'fan > last': 1,
      'fan/late/first > fan/late/second': 1,
      'fan/none/second > ': 1,
    })
    expect(marks?.taken).not.toHaveProperty('last > ')
    expect(marks?.taken).not.toHaveProperty('fan/early/first > fan/early/second')
  })
})
