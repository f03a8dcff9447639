import { createDeferred } from '../internal/deferred.js'
import type { EngineDriver } from '../jobs/engine-driver.js'
import { assertSame } from './contract-case.js'
import { type EngineCheck, within } from './engine-rig.js'

const END = 'the end'

/** Listens until the text `the end` comes. */
async function collect(driver: EngineDriver, channel: string) {
  const texts: string[] = []
  const ended = createDeferred<void>()
  const stop = await driver.listen(channel, (text) => {
    if (text === END) ended.resolve()
    else texts.push(text)
  })
  return { texts, stop, ended: () => within('The last text comes', ended.promise) }
}

/** Contract of an engine for channels, and for large texts. */
export const CHANNELS: Readonly<Record<string, EngineCheck>> = {
  'gives texts of a channel in their order, to all who listen': async ({ first, second }) => {
    const [one, other, elsewhere] = [
      await collect(first, 'c'),
      await collect(second, 'c'),
      await collect(second, 'other: channel'),
    ]
    const texts = Array.from({ length: 100 }, (_, i) => `text ${i}`)
    const sent = [
      first.publish('c', texts.slice(0, 40)),
      first.publish('c', texts.slice(40, 41)),
      first.publish('c', []),
    ]
    await Promise.all([...sent, first.publish('c', texts.slice(41))])
    await second.publish('other: channel', ['x', END])
    await first.publish('c', [END])
    await Promise.all([one.ended(), other.ended(), elsewhere.ended()])
    assertSame('here', one.texts, texts)
    assertSame('elsewhere', other.texts, texts)
    assertSame('of the other channel', elsewhere.texts, ['x'])
  },

  'gives any text as it is': async ({ first, second }) => {
    const texts = ['', ' ', '\n', '"', 'ä\u0000💡', '{"a":1}', 'x'.repeat(64 * 1024)]
    const { texts: got, ended } = await collect(second, 'c')
    await first.publish('c', [...texts, END])
    await ended()
    assertSame('texts', got, texts)
  },

  'gives a text to nobody when nobody listens, and to nobody who has ended': async ({ first, second }) => {
    await first.publish('c', ['before'])
    const one = await collect(second, 'c')
    const other = await collect(second, 'c')
    await one.stop()
    await one.stop()
    await first.publish('c', ['now', END])
    await other.ended()
    await other.stop()
    await first.publish('c', ['after'])
    const again = await collect(second, 'c')
    await first.publish('c', ['again', END])
    await again.ended()
    assertSame('texts', [one.texts, other.texts, again.texts], [[], ['now'], ['again']])
  },

  'a listener that fails harms no other': async ({ first, second }) => {
    await second.listen('c', () => {
      throw new TypeError('It fails.')
    })
    const { texts, ended } = await collect(second, 'c')
    await first.publish('c', ['one', 'two', END])
    await ended()
    assertSame('texts', texts, ['one', 'two'])
  },

  'keeps large texts, and gives each one once': async ({ first, second }) => {
    const large = 'ä💡'.repeat(500_000)
    const [one, other] = await Promise.all([first.put(large), first.put('')])
    assertSame('references', one !== other, true)
    assertSame('as it is', (await second.take(one)) === large, true)
    assertSame('once', await first.take(one), undefined)
    assertSame('an empty one', [await first.take(other), await first.take(other)], ['', undefined])
    assertSame('unknown', await first.take('unknown'), undefined)
  },
}
