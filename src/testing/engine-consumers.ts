import { assertSame, assertThrows } from './contract-case.js'
import { type EngineCheck, eventually, jobs, within } from './engine-rig.js'

const isError = (error: unknown): error is Error => error instanceof Error

/** Contract of an engine for its workers, and for closing. */
export const CONSUMERS: Readonly<Record<string, EngineCheck>> = {
  'a worker has as many jobs at a time as it may, also when that changes': async (rig) => {
    const { first } = rig
    await first.enqueue(jobs('1', '2', '3', '4', '5', '6', '7'))
    const worker = await rig.hold(first, 2)
    const held = [await worker.next(), await worker.next()]
    assertSame('two', [worker.most, (await first.lookup(['3'])).get('3')], [2, 'queued'])
    worker.setConcurrency(4) // while the two go on
    held.push(await worker.next(), await worker.next())
    assertSame('four', [worker.most, worker.held.length], [4, 4])
    worker.setConcurrency(1)
    for (const job of held.splice(0)) job.end()
    const last = [await worker.next()]
    assertSame('one', worker.held.length, 1)
    last[0]?.end()
    last.push(await worker.next())
    last[1]?.end()
    await worker.next()
    assertSame('each once', worker.taken, ['1', '2', '3', '4', '5', '6', '7'])
    assertSame('the most', worker.most, 4)
  },

  'each job has one worker': async (rig) => {
    const workers = [await rig.hold(rig.first, 5), await rig.hold(rig.second, 5)]
    const ids = Array.from({ length: 10 }, (_, i) => `job ${i}`)
    await rig.first.enqueue(jobs(...ids))
    await eventually('All are taken', async () => workers.flatMap(({ taken }) => taken).length >= ids.length)
    assertSame('taken', workers.flatMap(({ taken }) => taken).sort(), ids)
  },

  'a job that is handed back is taken again, not before its time': async (rig) => {
    const { first } = rig
    await first.enqueue(jobs('a'))
    const worker = await rig.hold(first)
    const start = performance.now()
    ;(await worker.next()).end({ againInMs: 200 })
    await rig.until('a', 'queued')
    const again = await worker.next()
    assertSame('the same', [again.id, again.data, performance.now() - start >= 195], ['a', 'data of a', true])
    again.end({ againInMs: 0 })
    const other = await worker.next()
    assertSame('at once', [other.id, other.data], ['a', 'data of a'])
    other.end()
    await rig.until('a', undefined)
  },

  'a worker that closes takes no more jobs, and ends after those that it has': async (rig) => {
    const { first, second } = rig
    await first.enqueue(jobs('a', 'b'))
    const worker = await rig.hold(first)
    const job = await worker.next()
    let closed = false
    const closing = worker.close().then(() => {
      closed = true
    })
    await second.lookup(['a'])
    assertSame('waits for its job', [closed, (await second.lookup(['a'])).get('a')], [false, 'active'])
    job.end()
    await within('It closes', closing)
    await worker.close()
    assertSame('its job has ended', [...(await second.lookup(['a', 'b'])).values()], ['queued'])
    assertSame('the other one', await rig.drain(second, 1), ['b'])
    assertSame('taken', worker.taken, ['a'])
  },

  'a worker that closes hands its job to the next one': async (rig) => {
    await rig.first.enqueue(jobs('a'))
    const worker = await rig.hold(rig.first)
    const job = await worker.next()
    const closing = worker.close()
    job.end({ againInMs: 0 })
    await within('It closes', closing)
    assertSame('the next one', await rig.drain(rig.second, 1), ['a'])
  },

  'a driver that is closed keeps its jobs, and refuses calls': async (rig) => {
    const { first, second } = rig
    await first.enqueue(jobs('a'))
    await first.listen('channel', () => {})
    await first.close()
    await first.close()
    const calls: Readonly<Record<string, () => Promise<unknown>>> = {
      enqueue: () => first.enqueue(jobs('b')),
      lookup: () => first.lookup(['a']),
      remove: () => first.remove('a'),
      publish: () => first.publish('channel', ['x']),
      listen: () => first.listen('channel', () => {}),
      put: () => first.put('x'),
      take: () => first.take('x'),
      consume: () => first.consume(async () => undefined, { concurrency: 1 }),
    }
    for (const [name, call] of Object.entries(calls)) await assertThrows(name, () => within(name, call()), isError)
    assertSame('kept', await rig.drain(second, 1), ['a'])
  },
}
