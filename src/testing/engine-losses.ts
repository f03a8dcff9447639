import { createDeferred } from '../internal/deferred.js'
import { assertSame, assertThrows } from './contract-case.js'
import { type EngineCheck, eventually, jobs, within } from './engine-rig.js'

const isError = (error: unknown): error is Error => error instanceof Error
const lost = (signal: AbortSignal): Promise<void> =>
  signal.aborted ? Promise.resolve() : new Promise((resolve) => signal.addEventListener('abort', () => resolve()))

/** Contract of an engine for workers that are lost, and for connections. */
export const LOSSES: Readonly<Record<string, EngineCheck>> = {
  'a job whose worker is lost is taken by another one, without end': async (rig) => {
    const { first, second } = rig
    const dying = await rig.hold(first)
    await second.enqueue(jobs('a'))
    const job = await dying.next()
    const restore = await rig.cut(first)
    const worker = await rig.hold(second)
    const again = await worker.next()
    assertSame('the same', [again.id, again.data], ['a', 'data of a'])
    await within('Its first worker is told', lost(job.signal))
    job.end()
    await restore()
    await eventually('It is connected again', () =>
      first.lookup([]).then(
        () => true,
        () => false,
      ),
    )
    assertSame('the first worker changes nothing', (await second.lookup(['a'])).get('a'), 'active')
    assertSame('the second worker has it', again.signal.aborted, false)
    again.end()
    await rig.until('a', undefined, second)
  },

  'a worker that was lost takes jobs again when it is connected': async (rig) => {
    const { first, second } = rig
    const worker = await rig.hold(first)
    const restore = await rig.cut(first)
    await second.enqueue(jobs('a'))
    await restore()
    assertSame('taken', (await worker.next()).id, 'a')
  },

  'calls end while it is cut off, and work after': async (rig) => {
    const { first, second } = rig
    await first.enqueue(jobs('a'))
    const texts: string[] = []
    const came = createDeferred<void>()
    await first.listen('c', (text) => {
      texts.push(text)
      came.resolve()
    })
    const restore = await rig.cut(first)
    const calls: Readonly<Record<string, () => Promise<unknown>>> = {
      enqueue: () => first.enqueue(jobs('b')),
      lookup: () => first.lookup(['a']),
      remove: () => first.remove('a'),
      listen: () => first.listen('d', () => {}),
      put: () => first.put('x'),
      take: () => first.take('x'),
    }
    await Promise.all(
      Object.entries(calls).map(([name, call]) => assertThrows(name, () => within(name, call()), isError)),
    )
    await within(
      'publish',
      first.publish('c', ['lost']).catch(() => {}),
    )
    await restore()
    await eventually('It is connected again', () =>
      first.lookup(['a']).then(
        ({ size }) => size === 1,
        () => false,
      ),
    )
    // A text may still be lost: it is sent until it comes.
    await eventually('It listens again', async () => {
      await second.publish('c', ['again'])
      return texts.length > 0
    })
    await came.promise
    assertSame('the first one', texts[0], 'again')
  },
}
