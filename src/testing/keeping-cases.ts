import { assertSame, assertThrows } from './contract-case.js'
import { type Check, group, indices, isFault, NASTY, root, row } from './contract-rows.js'

/** Contract of a driver for partitions, lists, messages and names. */
export const KEEPING: Readonly<Record<string, Check>> = {
  'separates partitions, of which null is one': async (driver) => {
    const partitions = [null, '', 'null', 'a']
    for (const partitionKey of partitions) {
      await driver.claim(root('app', partitionKey), 'one')
      const data = JSON.stringify(partitionKey)
      await driver.save(group('app', [row('app', 0, { data })], { partitionKey }))
      await driver.post(root('app', partitionKey), 'app', data)
    }
    await driver.delete(root('app', 'a'))

    const loaded = await Promise.all(partitions.map((partitionKey) => driver.load(partitionKey, ['app'])))
    const listed = await Promise.all(partitions.map((partitionKey) => driver.list({ partitionKey, limit: 9 })))

    const data = loaded.map(([tail]) => [tail?.rows.map((one) => one.data), tail?.inbox.map((one) => one.data)])
    assertSame('data', data, [
      ...partitions.slice(0, 3).map((one) => [[JSON.stringify(one)], [JSON.stringify(one)]]),
      [null, null],
    ])
    assertSame(
      'listed',
      listed.map((all) => all.map(({ rootId }) => rootId)),
      [['app'], ['app'], ['app'], []],
    )
  },

  'lists roots newest first, in pages, without branches': async (driver) => {
    for (const [i, id] of ['a', 'b', 'c', 'd'].entries()) {
      await driver.claim(root(id), 'one')
      const order = (1_700_000_000_000 + Math.floor(i / 2)) * 1024
      await driver.save(group(id, [row(id, 0, { order }), row(id, 1), row(`below ${id}`, 0)]))
    }

    const first = await driver.list({ limit: 3 })
    const last = first.at(-1)
    const rest = await driver.list({ limit: 3, ...(last && { after: last }) })

    const at = 1_700_000_000_000
    const pages = [first, rest].map((page) => page.map(({ rootId, born }) => [rootId, born]))
    const [later, earlier] = [(at + 1) * 1024, at * 1024]
    assertSame('pages', pages, [
      [
        ['d', later],
        ['c', later],
        ['b', earlier],
      ],
      [['a', earlier]],
    ])
  },

  'continues a page after a root that was deleted meanwhile': async (driver, again) => {
    for (const [i, id] of ['a', 'b', 'c', 'd'].entries()) {
      await driver.claim(root(id), 'one')
      await driver.save(group(id, [row(id, 0, { order: (1_700_000_000_000 + i) * 1024 + 3 })]))
    }
    const [, second] = await driver.list({ limit: 2 })
    await again.delete(root('c'))

    const rest = await driver.list({ limit: 2, ...(second && { after: second }) })
    const end = await driver.list({
      limit: 9,
      after: { partitionKey: null, rootId: 'gone', born: (1_700_000_000_000 - 1) * 1024 },
    })

    assertSame(
      'pages',
      [rest, end].map((page) => page.map(({ rootId }) => rootId)),
      [['b', 'a'], []],
    )
  },

  'deletes a root and everything below it, and nothing else': async (driver) => {
    for (const id of ['app', 'other']) {
      await driver.claim(root(id), 'one')
      await driver.save(group(id, [row(id, 0), row(`${id} child`, 0), row(`${id} child`, 1)]))
      await driver.post(root(id), `${id} child`, '1')
    }

    const answers = [await driver.delete(root('app')), await driver.delete(root('app'))]

    assertSame('answers', answers, [true, false])
    const left = await driver.load(null, ['app', 'app child', 'other', 'other child'])
    assertSame('left', left.map(indices), [undefined, undefined, [0], [0, 1]])
    assertSame('inbox', left[3]?.inbox.length, 1)
    await assertThrows('its writer', () => driver.save(group('app', [row('app', 0)])), isFault('taken-over'))
  },

  'keeps messages in order, from any sender, until a step consumes them': async (driver, again) => {
    await driver.claim(root('app'), 'one')
    await driver.save(group('app', [row('app', 0)]))
    const ids = [await driver.post(root('app'), 'app', '1'), await again.post(root('app'), 'app', '2')]
    ids.push(await driver.post(root('app'), 'app', '3'))
    await driver.save(group('app', [row('app', 1)], { taken: [ids[1] ?? -1] }))

    const [tail] = await again.load(null, ['app'])

    assertSame('inbox', tail?.inbox, [
      { id: ids[0], data: '1' },
      { id: ids[2], data: '3' },
    ])
  },

  'returns all messages below one root together, oldest first': async (driver, again) => {
    await driver.claim(root('app'), 'one')
    await driver.save(group('app', [row('app', 0), row('below', 0)]))
    const ids = [await again.post(root('app'), 'below', '1'), await driver.post(root('app'), 'app', '2')]
    ids.push(await again.post(root('app'), 'not there yet', '3'))
    await driver.post(root('other'), 'other', 'of another root')
    await driver.post(root('app', 'another'), 'app', 'of another partition')
    await driver.save(group('app', [row('below', 1)], { taken: [ids[0] ?? -1] }))

    assertSame('inbox', await driver.inbox(root('app')), [
      { appId: 'app', id: ids[1], data: '2' },
      { appId: 'not there yet', id: ids[2], data: '3' },
    ])
    assertSame('inbox of a root without messages', await driver.inbox(root('none')), [])
  },

  'stores any characters in names and data': async (driver) => {
    for (const name of NASTY) {
      const made = group(name, [row(name, 0, { label: name, data: JSON.stringify(name) })], {
        partitionKey: name,
        writer: name,
      })
      await driver.claim(root(name, name), name)
      await driver.save(made)
      await driver.post(root(name, name), name, JSON.stringify(name))
    }

    for (const name of NASTY) {
      const [tail] = await driver.load(name, [name])
      const expected = {
        rows: [row(name, 0, { label: name, data: JSON.stringify(name) })],
        inbox: [JSON.stringify(name)],
      }
      assertSame(
        `under the name ${JSON.stringify(name)}`,
        { ...tail, inbox: tail?.inbox.map(({ data }) => data) },
        expected,
      )
    }
  },

  'refuses names that are not well-formed, in every call': async (driver) => {
    const isRefused = (error: unknown): error is TypeError => error instanceof TypeError
    await driver.claim(root('app'), 'one')
    await driver.save(group('app', [row('app', 0)]))
    await driver.claim(root('\ufffd'), 'one') // a store may normalise the invalid names to this one
    await driver.save(group('\ufffd', [row('\ufffd', 0)]))
    for (const name of ['\ud800', 'a\udc00b', '\ud83c!', 'a\0b']) {
      const asks: readonly (() => unknown)[] = [
        () => driver.claim(root(name), 'one'),
        () => driver.claim(root('app', name), 'one'),
        () => driver.save(group('app', [row(name, 0)])),
        () => driver.save(group('app', [row('app', 1, { label: name })])),
        () => driver.load(null, [name]),
        () => driver.load(name, ['app']),
        () => driver.history(null, name),
        () => driver.list({ partitionKey: name, limit: 1 }),
        () => driver.delete(root(name)),
        () => driver.post(root('app'), name, '1'),
        () => driver.inbox(root(name)),
      ]
      for (const [i, ask] of asks.entries())
        await assertThrows(`question ${i} about ${JSON.stringify(name)}`, ask, isRefused)
    }

    assertSame('rows', (await driver.load(null, ['app', '\ufffd'])).map(indices), [[0], [0]])
  },

  'loads a large row completely': async (driver, again) => {
    await driver.claim(root('app'), 'one')
    const data = JSON.stringify('ö🌱'.repeat(400_000))
    await driver.save(group('app', [row('app', 0, { data })]))

    const [tail] = await again.load(null, ['app'])

    assertSame('length', tail?.rows[0]?.data.length, data.length)
    assertSame('the same', tail?.rows[0]?.data === data, true)
  },

  'rejects calls after it was closed': async (driver) => {
    await driver.claim(root('app'), 'one')
    await driver.close()
    await driver.close()

    if (driver.name !== 'memory')
      await assertThrows('save', () => driver.save(group('app', [row('app', 0)])), isFault('unavailable'))
  },
}
