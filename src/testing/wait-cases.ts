import type { PersisterDriver } from '../persistence/driver.js'
import type { AppSummary, DuePage, WaitPage } from '../persistence/summary.js'
import { assertSame } from './contract-case.js'
import { AT, begin, type Check, group, parent, root, rootIds, row, summary, wait } from './contract-rows.js'

const idsOf = async (driver: PersisterDriver, page: Partial<WaitPage> = {}): Promise<readonly string[]> =>
  (await driver.waits({ limit: 99, ...page })).map(
    ({ partitionKey, id }) => (partitionKey === null ? '' : `${partitionKey}:`) + id,
  )

/** Contract of a driver for open questions and due times. */
export const WAITS: Readonly<Record<string, Check>> = {
  'leaves out the questions of a run that has ended': async (driver, again) => {
    const asking = { parent: parent('app', 'x'), waits: [wait('child', 0)] }
    await begin(driver, 'app', { status: 'running' })
    await driver.save(group('app', [row('child', 0)], { summaries: [summary('child', asking)] }))
    const before = await idsOf(again)
    for (const status of ['failed', 'cancelled', 'finished', 'halted'] as const) {
      await driver.save(group('app', [], { summaries: [summary('app', { status })] }))
      assertSame(`open questions of a ${status} run`, await idsOf(again), [])
    }
    await driver.save(group('app', [], { summaries: [summary('app', { status: 'interrupted' })] }))

    assertSame('before', before, ['child.4.0'])
    assertSame('after it goes on', await idsOf(again), ['child.4.0'])
  },

  'lists open questions by each filter, oldest first': async (driver, again) => {
    const labels = { customer: '7' }
    const at = (n: number) => AT + n
    await begin(driver, 'app', {
      status: 'waiting',
      title: 'App',
      labels: { ...labels, env: 'prod' },
      waits: [wait('app', 0, { since: at(5) }), wait('app', 1, { since: at(2), kinds: ['yes', 'no'], until: at(9) })],
    })
    const child = summary('child', {
      parent: parent('app', 'x'),
      waits: [wait('child', 0, { since: at(3), kinds: ['no'] })],
    })
    await driver.save(group('app', [row('child', 0)], { summaries: [child] }))
    await begin(driver, 'bare', { waits: [wait('bare', 0, { since: at(1), kinds: ['answer', 'no', 'yes'] })] })
    await begin(driver, 'app', { partitionKey: 'p', labels, waits: [wait('app', 0, { since: at(4) })] })
    await driver.post(root('app'), 'child', '1', 'no')

    const asks: readonly (readonly [Partial<WaitPage>, readonly string[]])[] = [
      [{}, ['bare.4.0', 'app.4.1', 'p:app.4.0', 'app.4.0']],
      [{ answered: false }, ['bare.4.0', 'app.4.1', 'p:app.4.0', 'app.4.0']],
      [{ answered: true }, ['child.4.0']],
      [{ answered: true, kinds: ['yes'] }, []],
      [{ partitionKey: null }, ['bare.4.0', 'app.4.1', 'app.4.0']],
      [{ partitionKey: 'p' }, ['p:app.4.0']],
      [{ partitionKey: '' }, []],
      [{ rootId: 'app' }, ['app.4.1', 'p:app.4.0', 'app.4.0']],
      [{ rootId: 'app', partitionKey: null, answered: true }, ['child.4.0']],
      [{ rootId: 'app', partitionKey: null, kinds: ['answer'] }, ['app.4.0']],
      [{ rootId: 'child' }, []],
      [{ kinds: ['yes'] }, ['bare.4.0', 'app.4.1']],
      [{ kinds: ['answer'] }, ['bare.4.0', 'p:app.4.0', 'app.4.0']],
      [{ kinds: ['no', 'yes'] }, ['bare.4.0', 'app.4.1']],
      [{ kinds: ['no', 'answer', 'yes'], limit: 3 }, ['bare.4.0', 'app.4.1', 'p:app.4.0']],
      [{ kinds: ['never'] }, []],
      [{ kinds: [] }, []],
      [{ labels }, ['app.4.1', 'p:app.4.0', 'app.4.0']],
      [{ labels: { ...labels, env: 'prod' } }, ['app.4.1', 'app.4.0']],
      [{ labels: { env: 'prod' }, answered: true }, ['child.4.0']],
      [{ labels, kinds: ['no'], partitionKey: null }, ['app.4.1']],
      [{ labels: { customer: '8' } }, []],
      [{ limit: 2 }, ['bare.4.0', 'app.4.1']],
      [{ after: { partitionKey: null, since: at(2), appId: 'app', n: 1 } }, ['p:app.4.0', 'app.4.0']],
      [
        { after: { partitionKey: null, since: at(2), appId: 'aaa', n: 1 }, kinds: ['no', 'answer'] },
        ['app.4.1', 'p:app.4.0', 'app.4.0'],
      ],
    ]
    for (const [page, ids] of asks) assertSame(JSON.stringify(page), await idsOf(again, page), ids)

    const [question] = await again.waits({ rootId: 'app', partitionKey: null, limit: 1 })
    assertSame('question', question, {
      ...wait('app', 1, { since: at(2), kinds: ['yes', 'no'], until: at(9) }),
      partitionKey: null,
      rootId: 'app',
      appId: 'app',
      answered: false,
      title: 'App',
      labels: { ...labels, env: 'prod' },
    })
    const [below] = await again.waits({ answered: true, limit: 1 })
    assertSame('of its root', [below?.rootId, below?.title, below?.labels], ['app', 'App', { ...labels, env: 'prod' }])
    const [bare] = await again.waits({ limit: 1 })
    assertSame('bare', [bare?.title, bare?.labels], [undefined, {}])
  },

  'pages through questions of one time, with several kinds each': async (driver, again) => {
    for (const id of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) {
      const waits = [0, 1, 2].map((n) => wait(id, n, { since: AT + (n % 2), kinds: ['x', `y${n}`, 'z'] }))
      // The same application in several partitions: their questions differ in the partition only.
      const partitions = id === 'b' ? ['p'] : id === 'c' ? ['q', null, '', 'p'] : [null]
      for (const partitionKey of partitions) await begin(driver, id, { waits, labels: { of: 'all' }, partitionKey })
    }
    const asks: readonly Partial<WaitPage>[] = [
      {},
      { kinds: ['x', 'z'] },
      { kinds: ['y1', 'y2'] },
      { labels: { of: 'all' } },
      { partitionKey: null },
      { kinds: ['z', 'y0'], partitionKey: null, labels: { of: 'all' } },
      { rootId: 'c' },
    ]
    for (const page of asks) {
      const whole = await idsOf(again, page)
      for (const limit of [1, 2, 3, 4]) {
        const pages: string[] = []
        let after: WaitPage['after']
        do {
          const found = await again.waits({ ...page, limit, ...(after && { after }) })
          for (const { partitionKey, id } of found) pages.push((partitionKey === null ? '' : `${partitionKey}:`) + id)
          after = found.at(-1)
        } while (after !== undefined && pages.length < 99)
        assertSame(`pages of ${limit} of ${JSON.stringify(page)}`, pages, whole)
      }
    }
    assertSame('all', (await idsOf(again)).length, 30)
    const first = (await idsOf(again, { rootId: 'c' })).slice(0, 4)
    assertSame('of one application', first, ['c.4.0', ':c.4.0', 'p:c.4.0', 'q:c.4.0'])
    assertSame('the first', (await idsOf(again)).slice(0, 3), ['a.4.0', 'a.4.2', 'p:b.4.0'])
    assertSame('of two kinds', (await idsOf(again, { kinds: ['x', 'z'] })).length, 30)
  },

  'answers the oldest question of the application that takes the message': async (driver, again) => {
    const waits = [
      wait('app', 0, { since: AT + 2 }),
      wait('app', 1, { since: AT + 1, kinds: ['other', 'answer'] }),
      wait('app', 2, { since: AT + 1 }),
      wait('app', 3, { kinds: ['other'] }),
    ]
    const child = summary('child', { parent: parent('app', 'x'), waits: [wait('child', 0)] })
    await begin(driver, 'app', { waits })
    await driver.save(group('app', [row('child', 0)], { summaries: [child] }))
    const answered = () => idsOf(again, { answered: true })
    const ids: number[] = []

    ids.push(await again.post(root('app'), 'app', '1'))
    ids.push(await again.post(root('app'), 'app', '2', 'stranger'))
    ids.push(await again.post(root('app'), 'none', '3', 'answer'))
    assertSame('by none', await answered(), [])
    ids.push(await again.post(root('app'), 'app', '4', 'answer'))
    assertSame('by the first', await answered(), ['app.4.1'])
    ids.push(await driver.post(root('app'), 'app', '5', 'answer'))
    ids.push(await driver.post(root('app'), 'app', '6', 'other'))
    assertSame('by three', await answered(), ['app.4.3', 'app.4.1', 'app.4.2'])
    ids.push(await driver.post(root('app'), 'app', '7', 'answer'), await driver.post(root('app'), 'app', '8', 'answer'))
    assertSame('left', await idsOf(again), ['child.4.0'])

    assertSame(
      'ids',
      ids,
      [...ids].sort((a, b) => a - b),
    )
    assertSame(
      'inbox',
      (await again.inbox(root('app'))).map(({ data }) => data),
      [...'12345678'],
    )
  },

  'answers questions by messages that were stored before them, oldest first, each by one': async (driver, again) => {
    const answered = () => idsOf(again, { answered: true })
    const due = async () => [...rootIds(await again.due({ limit: 9 }))]
    const waits = [wait('app', 0, { since: AT + 2 }), wait('app', 1, { kinds: ['no', 'answer'] })]
    for (const kind of ['stranger', 'answer', undefined]) await again.post(root('app'), 'app', '1', kind)
    await again.post(root('app'), 'child', '1', 'stranger')
    const id = await again.post(root('app'), 'child', '2', 'answer')
    const save = (more: Partial<AppSummary>, ...others: readonly AppSummary[]) =>
      driver.save(group('app', [], { summaries: [...others, summary('app', more)] }))
    await begin(driver, 'app')
    await save({ status: 'running', waits })
    assertSame('while it runs', [await answered(), await idsOf(again), await due()], [['app.4.1'], ['app.4.0'], []])
    await save({ status: 'waiting', wake: null })
    assertSame('once it waits', await due(), ['app'])
    await save({ status: 'waiting', wake: null, waits: [] })
    assertSame('without questions', await due(), [])

    const child = { parent: parent('app', 'x'), waits: [wait('child', 0), wait('child', 1)] }
    await driver.save(group('app', [row('child', 0)], { summaries: [summary('child', { ...child, taken: [id] })] }))
    assertSame('by a message that the step has taken', [await answered(), await due()], [[], []])
    await driver.save(group('app', [], { summaries: [summary('child', child)] }))
    assertSame('below a root that waits', [await answered(), await due()], [['child.4.0'], ['app']])
    await save({ status: 'waiting', wake: Date.now() + 3_600_000, nextAt: Date.now() + 3_600_000 })
    assertSame('stored again', await due(), ['app'])
    await driver.save(group('app', [row('child', 1)], { taken: [id], summaries: [summary('child', child)] }))
    assertSame('by a message that the save removes', await answered(), [])
  },

  'keeps the answers of questions that a summary repeats, and drops those of others': async (driver, again) => {
    await begin(driver, 'app', { waits: [wait('app', 0), wait('app', 1, { kinds: ['other'] })] })
    const id = await driver.post(root('app'), 'app', '1', 'answer')

    const repeated = [wait('app', 0), wait('app', 2)]
    await driver.save(group('app', [], { summaries: [summary('app', { waits: repeated })] }))
    assertSame('answered', await idsOf(again, { answered: true }), ['app.4.0'])
    assertSame('open', await idsOf(again), ['app.4.2'])
    await driver.save(group('app', [row('app', 1)], { taken: [id], summaries: [summary('app', { waits: [] })] }))
    assertSame('none', [await idsOf(again), await idsOf(again, { answered: true })], [[], []])
    await driver.save(group('app', [], { summaries: [summary('app', { waits: [wait('app', 0)] })] }))
    assertSame('asked anew', await idsOf(again), ['app.4.0'])
  },

  'makes a root that waits due when a message answers it, and no other': async (driver, again) => {
    const soon = Date.now() + 3_600_000
    const waits = [wait('', 0)]
    await begin(driver, 'waits', { status: 'waiting', wake: soon, waits })
    await begin(driver, 'waits for ever', { status: 'waiting', wake: null, waits })
    await begin(driver, 'waits below', { status: 'waiting', wake: null })
    const child = summary('child', { parent: parent('waits below', 'x'), status: 'waiting', waits })
    await driver.save(group('waits below', [row('child', 0)], { summaries: [child] }))
    await begin(driver, 'runs', { status: 'running', wake: null, waits })
    await begin(driver, 'ended', { status: 'finished', wake: null, waits })
    await begin(driver, 'at once', { status: 'waiting', wake: 0, waits })
    const due = async () => [...rootIds(await again.due({ limit: 9 }))].sort()

    for (const id of ['waits', 'waits for ever']) await driver.post(root(id), id, '1', 'stranger')
    assertSame('before', await due(), ['at once'])
    for (const id of ['waits', 'waits for ever', 'runs', 'ended', 'at once'])
      await again.post(root(id), id, '1', 'answer')
    await again.post(root('waits below'), 'child', '1', 'answer')

    assertSame('due', await due(), ['at once', 'waits', 'waits below', 'waits for ever'])
    assertSame('at once', (await again.find(root('at once')))?.wakeAt, 0)
    assertSame('running', (await again.find(root('runs')))?.wakeAt, null)
    const wakeAt = (await again.find(root('waits')))?.wakeAt ?? soon
    assertSame('before its time', wakeAt > AT && wakeAt < soon, true)
  },

  'lists the roots that are to be taken, earliest first, in pages': async (driver, again) => {
    const later = Date.now() + 3_600_000
    const wakes = { a: 5, b: 0, c: 5, d: later, e: 7, f: null, g: 5 }
    for (const [id, wake] of Object.entries(wakes)) await begin(driver, id, { status: 'waiting', wake })
    await begin(driver, 'b', { status: 'queued', wake: 5, partitionKey: 'p' })
    await driver.save(group('b', [row('child', 0)], { summaries: [summary('child', { wake: null })] }))
    const asks: readonly (readonly [Partial<DuePage>, readonly string[]])[] = [
      [{}, ['b', 'a', 'c', 'g', 'p b', 'e']],
      [{ partitionKey: null }, ['b', 'a', 'c', 'g', 'e']],
      [{ partitionKey: 'p' }, ['p b']],
      [{ partitionKey: '' }, []],
      [{ before: 5 }, ['b', 'a', 'c', 'g', 'p b']],
      [{ before: 4 }, ['b']],
      [{ before: -1 }, []],
      [{ before: later, partitionKey: null }, ['b', 'a', 'c', 'g', 'e', 'd']],
      [{ limit: 3 }, ['b', 'a', 'c']],
      [{ limit: 3, after: { wakeAt: 5, partitionKey: null, rootId: 'c' } }, ['g', 'p b', 'e']],
      [{ after: { wakeAt: 5, partitionKey: 'p', rootId: 'a' } }, ['p b', 'e']],
      [{ after: { wakeAt: 5, partitionKey: null, rootId: 'deleted' }, partitionKey: null }, ['g', 'e']],
      [{ after: { wakeAt: 7, partitionKey: null, rootId: 'e' } }, []],
    ]
    for (const [page, ids] of asks) {
      const found = await again.due({ limit: 9, ...page })
      const names = found.map(({ partitionKey, rootId }) =>
        partitionKey === null ? rootId : `${partitionKey} ${rootId}`,
      )
      assertSame(JSON.stringify(page), names, ids)
    }
    const [first] = await again.due({ partitionKey: 'p', limit: 1 })
    assertSame('described', [first?.summary?.status, first?.wakeAt, first?.last?.label], ['queued', 5, 'action 0'])
  },
}
