import { createApplication, defineMessage, defineState, type as typeOf } from 'teasel'
import { fileTracker } from 'teasel/tracking/file'
import { projectsIn } from 'teasel/ui'
import { describe, expect, it } from 'vitest'
import { joined, marksUpTo, targetOf } from '../../src/ui/page/boxes.js'
import type { RunMarks } from '../../src/visualize/run-marks.js'
import { quiet } from '../support/quiet-logger.js'
import { folder } from '../tracking/folders.js'
import { clientOf, handlerOf } from './rig.js'

// Owns: the picture of a run as a server gives it, and what the page makes of it.

const kit = defineState<{ n: number; keys: readonly string[]; done: number }>()
const go = defineMessage('go', typeOf<number>())
const begin = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
const wait = kit.action({
  reads: ['n'],
  writes: ['n'],
  run: async ({ context }) => ({ n: (await context.receiveOne(go)).body }),
})
const branch = kit.graph({ actions: { begin, wait }, transitions: { begin: 'wait' } }).runnable({ entrypoint: 'begin' })
const each = kit.mapStates({
  reads: ['keys'],
  writes: ['done'],
  action: branch,
  states: ({ state }) => Object.fromEntries(state.keys.map((key, n) => [key, { n }])),
  reduce: ({ results }) => ({ done: results.length }),
})
const graph = kit.graph({ actions: { begin, each }, transitions: { begin: 'each' } })

describe('the picture of a run', () => {
  it('has a box for each branch, whose places come again only when boxes change', async () => {
    const dir = folder()
    await using tracker = fileTracker({ dir })
    const keys = ['a', '<b>\u001b']
    const app = createApplication(graph, {
      ...{ appId: 'r', entrypoint: 'begin', state: { n: 0, keys, done: 0 }, tracker, logger: quiet },
    })
    const run = app.run()
    const client = clientOf(handlerOf(projectsIn(dir)))
    const ref = { runId: 'r' }
    const isWaiting = async () =>
      (await client.picture(ref))?.marks.actions['each/<b>\u001b/wait']?.status === 'waiting'
    await expect.poll(isWaiting, { timeout: 20_000 }).toBe(true)

    const first = await client.picture(ref)
    const map = first?.laid?.picture.actions.find(({ name }) => name === 'each')
    expect(map?.branches.map(({ path, isMany }) => [path, isMany])).toEqual([
      ['each/a', false],
      ['each/<b>\u001b', false],
    ])
    const same = await client.picture({ ...ref, shape: first?.shape, below: true })
    expect([same?.laid, same?.shape]).toEqual([undefined, first?.shape])
    expect(same?.marks.actions['begin']).toBeUndefined()
    expect(same?.marks.actions['each/a/begin']).toEqual({ status: 'done', steps: 1 })

    const own = await client.picture({ ...ref, path: 'each/a' })
    expect(own?.laid?.picture.entry).toBe('each/a/begin')
    expect(own?.marks.actions['each/a/begin']?.steps).toBe(1)
    expect(await client.picture({ ...ref, path: 'each/nobody' })).toBeUndefined()
    expect(await client.picture({ runId: 'nobody' })).toBeUndefined()

    await app.send(go(1), { path: 'each/a' })
    await app.send(go(1), { path: 'each/<b>\u001b' })
    await run
  })
})

const mark = { status: 'done', steps: 1 } as const
const marks: RunMarks = {
  actions: {
    fan: { ...mark, visit: 2, keys: ['x', ''] },
    'fan/x': mark,
    'fan/x/in~1ner': { ...mark, visit: 3 },
    'fan/x/in~1ner/*': mark,
    other: { ...mark, visit: 1 },
    'other/y': mark,
  },
  taken: { 'fan/x/a > fan/x/b': 1, 'other/y/a > ': 2 },
}

describe('a box of a picture', () => {
  it('leads to its branch in the last visit, or to the map of all branches', () => {
    expect(targetOf('fan', '', '', marks)).toBeUndefined()
    expect(targetOf('fan/x', '', '', marks)).toEqual({ path: 'fan#2/x' })
    expect(targetOf('fan/x/a', '', '', marks)).toEqual({ path: 'fan#2/x' })
    expect(targetOf('fan/~', '', '', marks)).toEqual({ path: 'fan#2/~' })
    expect(targetOf('fan/x/in~1ner/*/a', '', '', marks)).toEqual({ path: 'fan#2/x', map: { map: 'in/ner', visit: 3 } })
    expect(targetOf('fan/x/in~1ner/k', 'fan#2/x', 'fan/x/', marks)).toEqual({ path: 'fan#2/x/in~1ner#3/k' })
    expect(targetOf('other/y/a', '', '', marks)).toEqual({ path: 'other/y' })
    expect(targetOf('other/one.*/a', '', '', marks)).toEqual({ path: '', map: { map: 'other', visit: 1 } })
    const named = { actions: { other: { ...mark, visit: 1, keys: ['one.*'] } }, taken: {} }
    expect(targetOf('other/one.*/a', '', '', named)).toEqual({ path: 'other/one.*' })
  })

  it('has no mark before its map began', () => {
    const place = { appId: 'r', path: [], attempt: 1, pending: [], due: [], leaked: [], children: [] }
    const counts = { queued: 0, running: 0, waiting: 0, retrying: 0, interrupted: 0, done: 1, failed: 0, cancelled: 0 }
    const map = (name: string, visit: number, sequenceId: number) =>
      ({ map: name, visit, sequenceId, epoch: 0, status: 'done', counts, branches: [] }) as const
    const node = {
      ...place,
      status: 'finished',
      maps: [map('fan', 2, 5), map('other', 1, 3), map('fan', 1, 1)],
    } as const
    const step = (sequenceId: number) =>
      ({ appId: 'r', path: [], action: 'a', sequenceId, epoch: 0, status: 'done' }) as const

    expect(Object.keys(marksUpTo(marks, node, '', [step(2)]).actions)).toEqual([])
    expect(marksUpTo(marks, node, '', [step(4)])).toEqual({
      actions: { 'other/y': mark },
      taken: { 'other/y/a > ': 2 },
    })
    expect(Object.keys(marksUpTo(marks, node, '', [step(5)]).actions)).toHaveLength(4)
    expect(joined(marks, { actions: { fan: mark, new: mark }, taken: {} }).actions['fan']?.visit).toBe(2)
  })
})
