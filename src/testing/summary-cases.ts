import type { PersisterDriver } from '../persistence/driver.js'
import type { RunQuery } from '../persistence/summary.js'
import { assertSame, assertThrows } from './contract-case.js'
import {
  AT,
  begin,
  type Check,
  group,
  isFault,
  NASTY,
  parent,
  root,
  rootIds,
  row,
  summary,
  wait,
} from './contract-rows.js'

/** Contract of a driver for summaries. */
export const SUMMARIES: Readonly<Record<string, Check>> = {
  'replaces a summary as a whole, but for its place, its names and omitted questions': async (driver, again) => {
    const question = wait('app', 0)
    const first = {
      since: AT,
      name: 'mail',
      title: 'One',
      labels: { a: '1', b: '2' },
      pending: 2,
      retrying: 3,
      leaked: 4,
    }
    await begin(driver, 'app', { ...first, nextAt: AT + 9, facts: '{"a":1}', waits: [question] })
    const place = parent('app', 'x', { index: 3, epoch: 1, visit: 2 })
    const child = summary('child', { parent: place, title: 'Child' })
    await driver.save(group('app', [row('child', 0)], { summaries: [child] }))

    const second = { status: 'waiting', since: AT + 1, pending: 1, facts: '{"b":2}' } as const
    await driver.save(group('app', [], { summaries: [summary('app', second), summary('child', { status: 'done' })] }))

    const { name, title, labels } = first
    const [app, below, none] = await again.summaries(null, ['app', 'child', 'none'])
    const { wake: _, ...kept } = summary('app', { ...second, name, title, labels })
    const { wake: __, ...keptBelow } = summary('child', { status: 'done', parent: place, title: 'Child' })
    assertSame('root', app, kept)
    assertSame('below', below, keptBelow)
    assertSame('none', none, undefined)
    const { appId: ___, ...found } = kept
    assertSame('found', (await again.find(root('app')))?.summary, { appId: 'app', ...found })
    const open = async () => (await driver.waits({ limit: 9 })).map(({ id }) => id)
    assertSame('questions', await open(), [question.id])

    const third = summary('app', { title: 'Two', labels: { b: '3' }, waits: [] })
    await driver.save(group('app', [row('app', 1)], { summaries: [third] }))
    const [last] = await again.summaries(null, ['app'])
    assertSame('names', [last?.name, last?.title, last?.labels], ['mail', 'Two', { b: '3' }])
    assertSame('no questions', await open(), [])
    const labelled = await Promise.all(
      [{ a: '1' }, { b: '2' }, { b: '3' }].map((labels) => again.list({ labels, limit: 9 })),
    )
    assertSame('by label', labelled.map(rootIds), [[], [], ['app']])
  },

  'stores a summary without rows; a root is listed from its first row on': async (driver, again) => {
    await driver.claim(root('app'), 'one')
    const labels = { customer: '7' }
    const child = summary('child', { status: 'queued', parent: parent('app', 'x') })
    await driver.save(group('app', [], { summaries: [summary('app', { labels, wake: 0 }), child] }))

    const listed = async () => [
      rootIds(await again.list({ limit: 9 })),
      rootIds(await again.list({ limit: 9, labels })),
      rootIds(await again.list({ limit: 9, status: ['running'] })),
      rootIds(await again.due({ limit: 9 })),
      await again.count({}, 9),
    ]
    assertSame(
      'summaries',
      (await again.summaries(null, ['app', 'child'])).map((one) => one?.status),
      ['running', 'queued'],
    )
    assertSame(
      'below',
      (await again.below({ partitionKey: null, parentId: 'app', limit: 9 })).map((one) => one.last),
      [undefined],
    )
    assertSame('rows', await again.load(null, ['app', 'child']), [undefined, undefined])
    assertSame('lists before', await listed(), [[], [], [], [], {}])
    assertSame('found before', await again.find(root('app')), undefined)

    await driver.save(group('app', [row('app', 0), row('child', 0)]))
    assertSame('lists', await listed(), [['app'], ['app'], ['app'], ['app'], { running: 1 }])
    const found = await again.find(root('app'))
    assertSame('found', [found?.born, found?.summary?.labels], [row('app', 0).order, labels])
    assertSame('child', await again.find(root('child')), undefined)
  },

  'stores summaries together with the rows of their group, or neither': async (driver, again) => {
    const before = summary('app', { labels: { a: '1' }, waits: [wait('app', 0)] })
    await begin(driver, 'app', before)
    await begin(driver, 'other')
    await driver.save(group('app', [row('child', 0)]))
    const seen = async () => [
      await again.summaries(null, ['app', 'child', 'other']),
      await again.waits({ limit: 9 }),
      (await again.find(root('app')))?.claim?.leaseUntil,
    ]
    const kept = await seen()
    const failed = { status: 'failed', labels: { a: '2' }, waits: [] } as const
    const summaries = [summary('child', failed), summary('app', failed)]

    const torn = group('app', [row('app', 1), row('app', 0)], { summaries, leaseMs: 60_000 })
    await assertThrows('a row that is taken', () => driver.save(torn), isFault('conflict'))
    const strange = group('other', [], { summaries: [summary('other', failed), summary('child', failed)] })
    await assertThrows('a summary of another tree', () => driver.save(strange), isFault('conflict'))
    const none = group('none', [], { summaries: [summary('none')] })
    await assertThrows('an unclaimed root', () => driver.save(none), isFault('taken-over'))
    await again.claim(root('app'), 'two')
    for (const rows of [[], [row('app', 1)]]) {
      const late = () => driver.save(group('app', rows, { summaries, leaseMs: 60_000 }))
      await assertThrows('a runner that lost it', late, isFault('taken-over'))
    }
    assertSame('kept', await seen(), kept)
    assertSame('history', (await again.history(null, 'app')).length, 1)

    await again.save(group('app', [], { writer: 'two', summaries }))
    assertSame(
      'status',
      (await driver.summaries(null, ['app', 'child', 'none'])).map((one) => one?.status),
      ['failed', 'failed', undefined],
    )
  },

  'describes a root with its last row and its claim, and an older one without a summary': async (driver, again) => {
    await driver.claim(root('old'), 'one')
    await driver.save(group('old', [row('old', 0), row('old', 1)]))
    await begin(driver, 'app', { status: 'waiting', wake: AT + 5, nextAt: AT + 5 })
    const { wake: _, ...stored } = summary('app', { status: 'waiting', nextAt: AT + 5 })
    const position = ({ kind, label, sequenceId, epoch, order }: ReturnType<typeof row>) => {
      return { kind, label, sequenceId, epoch, order }
    }
    const claim = { incarnation: 0, writer: 'one', leaseUntil: 0 }
    const facts = { partitionKey: null, born: AT * 1024, expired: false, claim }
    const whole = async (run: Awaited<ReturnType<PersisterDriver['find']>>) => {
      const { last, ...rest } = run ?? {}
      return { ...rest, last: last && position({ ...row('', 0), ...last }) }
    }
    const old = { ...facts, rootId: 'old', wakeAt: null, last: position(row('old', 1)) }
    const app = {
      ...facts,
      rootId: 'app',
      wakeAt: AT + 5,
      summary: stored,
      last: position(row('app', 0, { order: AT * 1024 })),
    }

    assertSame('old', await whole(await again.find(root('old'))), old)
    assertSame('app', await whole(await again.find(root('app'))), app)
    assertSame('listed', await Promise.all((await again.list({ limit: 9 })).map(whole)), [old, app])
    for (const none of [root('none'), root('app', 'p'), root('app', '')])
      assertSame('none', await again.find(none), undefined)
  },

  'returns pages of rows with their data, whatever their epoch': async (driver, again) => {
    await driver.claim(root('app'), 'one')
    const rows = Array.from({ length: 6 }, (_, i) => row('app', i, { kind: i === 3 ? 'full' : 'patch', epoch: i % 2 }))
    await driver.save(group('app', [...rows, row('child', 0)]))

    assertSame('the first', await again.rows(null, 'app', { from: 0, limit: 2 }), rows.slice(0, 2))
    assertSame('the next', await again.rows(null, 'app', { from: 2, limit: 3 }), rows.slice(2, 5))
    assertSame('the last', await again.rows(null, 'app', { from: 5, limit: 9 }), rows.slice(5))
    assertSame('past the end', await again.rows(null, 'app', { from: 6, limit: 9 }), [])
    assertSame('none', await again.rows('p', 'app', { from: 0, limit: 9 }), [])
  },

  'forgets the summaries, questions and labels of a deleted root, and no others': async (driver, again) => {
    const labels = { customer: '7' }
    for (const partitionKey of [null, 'p']) {
      await begin(driver, 'app', { partitionKey, labels, wake: 0, pending: 1, waits: [wait('app', 0)] })
      const child = summary('child', { parent: parent('app', 'x'), waits: [wait('child', 0)] })
      await driver.save(group('app', [row('child', 0)], { partitionKey, summaries: [child] }))
    }
    const seen = async () => [
      (await again.list({ labels, limit: 9 })).map((run) => run.partitionKey),
      (await again.list({ pending: true, limit: 9 })).map((run) => run.partitionKey),
      (await again.waits({ limit: 9 })).map((one) => `${one.partitionKey} ${one.appId}`),
      (await again.due({ limit: 9 })).map((run) => run.partitionKey),
      await again.count({}, 9),
      (await again.summaries(null, ['app', 'child'])).length,
    ]
    assertSame('deleted', await driver.delete(root('app')), true)

    assertSame('left', await seen(), [['p'], ['p'], ['p app', 'p child'], ['p'], { running: 1 }, 2])
    assertSame('summaries', await again.summaries(null, ['app', 'child']), [undefined, undefined])
    assertSame('below', await again.below({ partitionKey: null, parentId: 'app', limit: 9 }), [])
    assertSame('counts', await again.countBelow(null, 'app'), [])
    await driver.claim(root('app'), 'one')
    await driver.save(group('app', [row('app', 0)]))
    const anew = await again.find(root('app'))
    assertSame('anew', [anew?.summary, anew?.wakeAt, anew?.claim?.incarnation], [undefined, null, 0])
    assertSame('labels', rootIds(await again.list({ labels, partitionKey: null, limit: 9 })), [])
  },

  'stores any characters in the names of summaries': async (driver, again) => {
    for (const name of NASTY) {
      const more = {
        partitionKey: name,
        name,
        title: name,
        labels: { [name]: name, plain: name },
        facts: JSON.stringify(name),
      }
      await begin(driver, name, {
        ...more,
        pending: 1,
        waits: [wait(name, 0, { kinds: [name, `${name}!`], facts: name })],
      })
      const place = parent(name, name, { map: name })
      const below = summary(`below ${name}`, { parent: place, title: name })
      await driver.save(group(name, [], { partitionKey: name, summaries: [below] }))
      await driver.beat(root(name, name), 'one', 0, JSON.stringify(name))
    }
    for (const name of NASTY) {
      const where = `under the name ${JSON.stringify(name)}`
      const found = await again.find(root(name, name))
      const stored = found?.summary
      const texts = [stored?.name, stored?.title, stored?.labels, stored?.facts, found?.claim?.beat?.data]
      const all = [name, name, { [name]: name, plain: name }, JSON.stringify(name), JSON.stringify(name)]
      assertSame(where, texts, all)
      const queries: readonly RunQuery[] = [{ name }, { labels: { [name]: name, plain: name } }, { text: name }]
      for (const query of queries)
        assertSame(
          `${where}: ${JSON.stringify(query)}`,
          rootIds(await again.list({ ...query, partitionKey: name, limit: 9 })),
          [name],
        )
      const [below] = await again.below({ partitionKey: name, parentId: name, map: name, limit: 9 })
      assertSame(`below ${where}`, [below?.appId, below?.summary.parent.key], [`below ${name}`, name])
      assertSame(
        `counts ${where}`,
        (await again.countBelow(name, name)).map(({ map }) => map),
        [name],
      )
      const asked = await again.waits({ partitionKey: name, rootId: name, kinds: [name], limit: 9 })
      const questions = asked.map(({ appId, kinds, facts, title, labels }) => [appId, kinds, facts, title, labels])
      assertSame(`questions ${where}`, questions, [
        [name, [name, `${name}!`], name, name, { [name]: name, plain: name }],
      ])
      await driver.post(root(name, name), name, '1', name)
      const answered = await again.waits({ partitionKey: name, answered: true, limit: 9 })
      assertSame(`answered ${where}`, answered.length, 1)
    }
  },

  'refuses names that are not well-formed, in every question about summaries': async (driver) => {
    const isRefused = (error: unknown): error is TypeError => error instanceof TypeError
    await begin(driver, 'app')
    for (const name of ['\ud800', 'a\udc00b', '\ud83c!', 'a\0b']) {
      const below = { partitionKey: null, parentId: 'app', limit: 1 }
      const asks: readonly (() => unknown)[] = [
        () => driver.save(group('app', [], { summaries: [summary(name)] })),
        () => driver.beat(root(name), 'one', 0, null),
        () => driver.rows(null, name, { from: 0, limit: 1 }),
        () => driver.rows(name, 'app', { from: 0, limit: 1 }),
        () => driver.find(root(name)),
        () => driver.find(root('app', name)),
        () => driver.count({ partitionKey: name }, 1),
        () => driver.below({ ...below, parentId: name }),
        () => driver.below({ ...below, partitionKey: name }),
        () => driver.countBelow(null, name),
        () => driver.countBelow(name, 'app'),
        () => driver.summaries(null, [name]),
        () => driver.summaries(name, ['app']),
        () => driver.waits({ partitionKey: name, limit: 1 }),
        () => driver.due({ partitionKey: name, limit: 1 }),
        () => driver.post(root('app'), name, '1', 'kind'),
      ]
      for (const [i, ask] of asks.entries())
        await assertThrows(`question ${i} about ${JSON.stringify(name)}`, ask, isRefused)
    }
  },
}
