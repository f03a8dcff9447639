import { memoryEngine } from 'teasel/testing'
import { describe, expect, it } from 'vitest'
import { type LinkEnd, Mail } from '../../src/jobs/mail.js'
import { flush } from '../support/deferred.js'
import { flakyEngine } from '../support/flaky-engine.js'
import { ManualClock } from '../support/manual-clock.js'

/** An owner and a worker, with a clock of their own each. */
async function pair() {
  const engine = memoryEngine()
  const calls: string[][] = []
  const puts: string[] = []
  const sideOf = (name: 'o' | 'w', clock: ManualClock) => {
    const driver = flakyEngine(engine.connect())
    const { publish, put } = driver
    driver.publish = (channel, texts) => {
      calls.push([channel, ...texts.map((text) => text.split('\t')[0] ?? '')])
      return publish(channel, texts)
    }
    driver.put = (text) => {
      puts.push(text)
      return put(text)
    }
    const got: string[] = []
    const broken: LinkEnd[] = []
    let links = 0
    const mail = new Mail(
      { channel: name, driver, clock, linkId: name === 'o' ? () => `l${links++}` : undefined },
      {
        received(end, item) {
          got.push(item)
          if (item === 'ping') end.put('pong')
        },
        broken: (end) => void broken.push(end),
        text: (text) => void got.push(text),
      },
    )
    return { mail, driver, clock, got, broken }
  }
  const [owner, worker] = [sideOf('o', new ManualClock()), sideOf('w', new ManualClock())]
  await owner.mail.open()
  await worker.mail.open()
  return { owner, worker, calls, puts }
}

describe('the mail of a session', () => {
  it('leaves once a turn, with one call for each channel', async () => {
    const { owner, worker, calls } = await pair()
    const end = owner.mail.to('w')
    for (let i = 0; i < 5; i++) end.put(`item ${i}`)
    owner.mail.publish('w', 'a text')
    await flush()
    expect(worker.got).toEqual(['a text', 'item 0', 'item 1', 'item 2', 'item 3', 'item 4'])
    expect(calls).toEqual([['w', 'a text', 'p']])
  })
  it('sends a large item by reference, which is put and fetched once, also where packets are doubled', async () => {
    const { owner, worker, puts } = await pair()
    const large = 'x'.repeat(200_000)
    const end = owner.mail.to('w')
    end.put('before')
    await flush()
    end.put(large)
    end.put('after')
    await flush()
    worker.driver.cut(true) // its acknowledgement is lost
    worker.clock.advance(20)
    worker.driver.cut(false)
    owner.clock.advance(300) // so that it is sent again
    await flush()
    expect(worker.got).toEqual(['before', large, 'after'])
    expect(puts).toHaveLength(1)
  })
  it('breaks a link at one end that the other has given up, as soon as that sends something', async () => {
    const { owner, worker } = await pair()
    const end = owner.mail.to('w')
    end.put('ping')
    await flush()
    expect(owner.got).toEqual(['pong'])
    const [there] = worker.mail.ends
    owner.driver.cut(true)
    if (there !== undefined) worker.mail.drop(there)
    await flush()
    owner.driver.cut(false)
    end.put('more')
    await flush()
    expect([owner.broken, end.isBroken, worker.got]).toEqual([[end], true, ['ping']])
  })
  it('forgets an end without tasks after a while, and the other end too', async () => {
    const { owner, worker } = await pair()
    owner.mail.to('w').put('ping')
    await flush()
    owner.clock.advance(61_000)
    await flush()
    expect([owner.mail.size, worker.mail.size, owner.clock.pending]).toEqual([0, 0, 0])
  })
  it('closes in a bounded time, also where nobody acknowledges', async () => {
    const { owner, worker } = await pair()
    worker.driver.cut(true)
    owner.mail.to('w').put('lost')
    const closed = owner.mail.close()
    await flush()
    owner.clock.advance(1_000)
    await closed
    expect([owner.mail.size, owner.clock.pending]).toEqual([0, 0])
  })
})
