import { assertSame } from './contract-case.js'
import { type EngineCheck, jobs } from './engine-rig.js'

const DELAY_MS = 300
const statuses = (found: ReadonlyMap<string, string>): readonly string[] =>
  [...found].map(([id, status]) => `${id} ${status}`).sort()

/** Contract of an engine for jobs that no worker runs: what it keeps, and what it knows of them. */
export const JOBS: Readonly<Record<string, EngineCheck>> = {
  'a job is queued, then active, then gone, and every driver sees it': async (rig) => {
    const { first, second } = rig
    await first.enqueue(jobs('a', 'b'))
    assertSame('queued', statuses(await second.lookup(['a', 'b', 'c'])), ['a queued', 'b queued'])
    const worker = await rig.hold(second)
    const job = await worker.next()
    assertSame('taken', [job.id, job.data, job.signal.aborted], ['a', 'data of a', false])
    assertSame('active', statuses(await first.lookup(['c', 'b', 'a'])), ['a active', 'b queued'])
    job.end()
    await rig.until('a', undefined)
    await worker.next()
    assertSame('gone', statuses(await first.lookup(['a', 'b'])), ['b active'])
    assertSame('nothing', statuses(await first.lookup([])), [])
  },

  'takes jobs of one id for the same one while it is queued or active, and for another one after it': async (rig) => {
    const { first, second } = rig
    await first.enqueue([{ id: 'a', data: 'one' }])
    await second.enqueue([
      { id: 'a', data: 'two' },
      { id: 'b', data: 'of b' },
    ])
    const worker = await rig.hold(first, 3)
    const held = [await worker.next(), await worker.next()]
    assertSame('data', held.map(({ data }) => data).sort(), ['of b', 'one'])
    await first.enqueue([{ id: 'a', data: 'three' }])
    held.find(({ id }) => id === 'a')?.end()
    await rig.until('a', undefined)
    assertSame('taken', [...worker.taken].sort(), ['a', 'b'])
    await first.enqueue([{ id: 'a', data: 'four' }])
    assertSame('after its end', (await worker.next()).data, 'four')
  },

  'takes any text as an id and as data': async (rig) => {
    const { first } = rig
    const ids = ['a:b', '12', '%3A', 'wait', 'meta', 'a b/c', 'é💡', '{x}', '-', 'x'.repeat(200)]
    const data = ['', '"', '{"a":[1]}', 'ä\n\u0000💡', 'null']
    await first.enqueue(ids.map((id, i) => ({ id, data: data[i % data.length] ?? '' })))
    assertSame('known', [...(await first.lookup(ids)).keys()].sort(), [...ids].sort())
    const worker = await rig.hold(first, ids.length)
    const held = []
    for (const _ of ids) held.push(await worker.next())
    const given = held.map((job) => [job.id, job.data])
    assertSame(
      'given',
      given,
      ids.map((id, i) => [id, data[i % data.length]]),
    )
    for (const job of held) job.end()
    for (const id of ids) await rig.until(id, undefined)
  },

  'takes no jobs, and a thousand, and gives them in their order': async (rig) => {
    const ids = Array.from({ length: 1_000 }, (_, i) => `job ${i}`)
    await rig.first.enqueue([])
    await rig.first.enqueue(jobs(...ids))
    assertSame('queued', (await rig.second.lookup(ids)).size, 1_000)
    assertSame('order', await rig.drain(rig.second, ids.length), ids)
    assertSame('gone', (await rig.first.lookup(ids)).size, 0)
  },

  'gives lower priorities first, and jobs without one before them': async (rig) => {
    const { first } = rig
    await first.enqueue([
      { id: 'c', data: '', priority: 2_000 },
      { id: 'b', data: '', priority: 1 },
      { id: 'd', data: '', priority: 2_000 },
      { id: 'a', data: '' },
    ])
    assertSame('order', await rig.drain(first, 4), ['a', 'b', 'c', 'd'])
  },

  'gives no job before its time, and counts it as queued': async (rig) => {
    const { first, second } = rig
    const start = performance.now()
    const worker = await rig.hold(second, 4)
    await first.enqueue([{ id: 'late', data: '', delayMs: DELAY_MS }, ...jobs('now')])
    const now = await worker.next()
    assertSame('at once', now.id, 'now')
    assertSame('status', statuses(await second.lookup(['late'])), ['late queued'])
    assertSame('its time', [(await worker.next()).id, performance.now() - start >= DELAY_MS - 5], ['late', true])
  },

  'removes a job that no worker has taken, and no other': async (rig) => {
    const { first, second } = rig
    await first.enqueue([
      { id: 'late', data: '', delayMs: 60_000 },
      { id: 'last', data: '', priority: 9 },
    ])
    await first.enqueue(jobs('a', 'b', 'c'))
    const worker = await rig.hold(second)
    const job = await worker.next()
    const removed = []
    for (const id of ['a', 'b', 'late', 'last', 'b', 'never']) removed.push(await first.remove(id))
    assertSame('removed', removed, [false, true, true, true, false, false])
    assertSame('left', statuses(await second.lookup(['a', 'b', 'c', 'late', 'last'])), ['a active', 'c queued'])
    job.end()
    assertSame('the next one', (await worker.next()).id, 'c')
    await first.enqueue(jobs('b'))
    worker.held[0]?.end()
    assertSame('taken again after its removal', (await worker.next()).id, 'b')
  },
}
