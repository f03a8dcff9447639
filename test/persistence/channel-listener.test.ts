import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createDeferred } from '../../src/internal/deferred.js'
import { ChannelListener, type ConnectionEvents } from '../../src/persistence/channel-listener.js'

/** A listener over connections of this test. */
function rig() {
  const log: string[] = []
  const opened: ConnectionEvents[] = []
  let [opening, listening]: Promise<void>[] = [Promise.resolve(), Promise.resolve()]
  const listener = new ChannelListener(async (events) => {
    opened.push(events)
    const name = opened.length
    await opening
    return {
      async listen(channels) {
        log.push(`${name} listen ${channels.join(' ')}`)
        await listening
      },
      unlisten: (channel) => void log.push(`${name} unlisten ${channel}`),
      end: () => void log.push(`${name} end`),
    }
  })
  const hold = (until: Promise<void>): void => {
    opening = until
  }
  const holdListening = (until: Promise<void>): void => {
    listening = until
  }
  return { log, opened, listener, hold, holdListening }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())
const turn = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0)

describe('a listener of channels', () => {
  it('calls back once it listens, and at each notification', async () => {
    const { opened, listener } = rig()
    const told: string[] = []
    listener.add('a', () => void told.push('any'))
    listener.add('a', () => void told.push('p'), 'p')
    await turn()
    expect(told.splice(0)).toEqual(['any', 'p'])

    opened[0]?.notified('a', 'q')
    opened[0]?.notified('a', 'p')
    opened[0]?.notified('b')
    expect(told).toEqual(['any', 'any', 'p'])
  })

  it('listens no more to a channel that nothing watches, and ends with the last one', async () => {
    const { log, listener } = rig()
    const same = (): void => {}
    const [first, second] = [listener.add('a', same), listener.add('a', same)]
    const other = listener.add('b', same)
    await turn()
    first()
    first()
    expect(log).toEqual(['1 listen a b'])
    second()
    expect(log.splice(0)).toEqual(['1 listen a b', '1 unlisten a'])
    other()
    expect(log).toEqual(['1 end'])
  })

  it('leaves a channel that was given up before and while it was being listened to', async () => {
    const { log, listener, hold, holdListening } = rig()
    const [open, listened] = [createDeferred<void>(), createDeferred<void>()]
    hold(open.promise)
    holdListening(listened.promise)
    listener.add('a', () => {})
    const [before, during] = [listener.add('b', () => {}), listener.add('c', () => {})]
    before()
    open.resolve()
    await turn()
    during()
    listened.resolve()
    await turn()
    expect(log).toEqual(['1 listen a c', '1 unlisten c'])
  })

  it('opens a further connection a second after one was lost, and calls back then', async () => {
    const { log, opened, listener } = rig()
    let told = 0
    listener.add('a', () => {
      told += 1
    })
    await turn()
    opened[0]?.lost()
    opened[0]?.lost() // an error, and its end
    await vi.advanceTimersByTimeAsync(999)
    expect([log, told]).toEqual([['1 listen a', '1 end'], 1])
    await vi.advanceTimersByTimeAsync(1)
    opened[0]?.lost() // late: it is not this one
    await vi.advanceTimersByTimeAsync(5_000)
    expect([log, told]).toEqual([['1 listen a', '1 end', '2 listen a'], 2])
  })

  it('tries again where none can be opened', async () => {
    const { log, opened, listener, hold } = rig()
    hold(Promise.reject(new TypeError('away')))
    listener.add('a', () => {})
    await turn()
    expect(opened).toHaveLength(1)
    hold(Promise.resolve())
    await vi.advanceTimersByTimeAsync(1_000)
    expect(log).toEqual(['2 listen a'])
  })

  it('that is closed while it connects ends that connection, and opens no other', async () => {
    const { log, opened, listener, hold } = rig()
    const open = createDeferred<void>()
    hold(open.promise)
    listener.add('a', () => {})
    const closed = listener.close()
    open.resolve()
    await closed
    listener.add('b', () => {})
    await vi.advanceTimersByTimeAsync(5_000)
    expect([log, opened.length]).toEqual([['1 end'], 1])
  })
})
