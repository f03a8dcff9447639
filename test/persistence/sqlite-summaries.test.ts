import { expect, it } from 'vitest'
import { SqliteDriver } from '../../src/adapters/sqlite/sqlite-driver.js'
import { AT, begin, group, root, row, summary, wait } from '../../src/testing/contract-rows.js'

it('a lease is over by the clock of the store, which may be set forward and back', async () => {
  let now = 1_000_000
  const driver = new SqliteDriver({ file: ':memory:' }, () => now)
  await driver.claim(root('app'), 'one', { leaseMs: 100 })
  await driver.save(group('app', [row('app', 0)], { summaries: [summary('app', { wake: 'lease' })] }))
  const seen = async () => {
    const run = await driver.find(root('app'))
    const due = await driver.due({ limit: 9 })
    const lists = [
      await driver.list({ status: ['running'], limit: 9 }),
      await driver.list({ status: ['interrupted'], limit: 9 }),
    ]
    return [run?.expired, due.length, ...lists.map((runs) => runs.length), await driver.count({}, 9)]
  }
  const alive = [false, 0, 1, 0, { running: 1 }]
  const over = [true, 1, 0, 1, { interrupted: 1 }]

  expect(await seen()).toEqual(alive)
  now += 101
  expect(await seen()).toEqual(over)
  now -= 50
  expect(await seen()).toEqual(alive)
  expect(() => driver.claim(root('app'), 'two', { free: true })).toThrow(
    expect.objectContaining({ fault: 'held', heldUntil: 1_000_100 }),
  )
  now += 1_000_000
  expect(await seen()).toEqual(over)
  expect(await driver.beat(root('app'), 'one', 100, null)).toBe(now + 100)
  expect(await seen()).toEqual(alive)
  now += 500
  expect(await driver.claim(root('app'), 'two', { free: true, leaseMs: 100 })).toEqual({
    incarnation: 1,
    before: 'one',
  })
  expect(await seen()).toEqual(alive)
  driver.close()
})

it.each<[string, (driver: SqliteDriver) => unknown]>([
  [`update teasel_apps set labels = x'ff5b'`, (driver) => driver.list({ limit: 9 })],
  [`update teasel_apps set labels = '[1]'`, (driver) => driver.find(root('app'))],
  [`update teasel_apps set labels = 'null'`, (driver) => driver.summaries(null, ['app'])],
  [`update teasel_waits set kinds = '{}'`, (driver) => driver.waits({ limit: 9 })],
  [`update teasel_waits set kinds = cast(x'ff' as text)`, (driver) => driver.waits({ limit: 9 })],
])('damage is reported where it is read, and keeps nobody from writing and deleting (%s)', async (sql, ask) => {
  const driver = new SqliteDriver({ file: ':memory:' })
  await begin(driver, 'app', { labels: { a: 'b' }, waits: [wait('app', 0)] })
  await begin(driver, 'other')
  driver.database.exec(sql)

  expect(() => ask(driver)).toThrow(expect.objectContaining({ fault: 'corrupt' }))

  expect(driver.count({}, 9)).toEqual({ running: 2 })
  await driver.save(group('app', [], { summaries: [summary('app', { waits: [wait('app', 0)] })] }))
  await driver.save(group('app', [row('app', 1)], { summaries: [summary('app', { labels: { c: 'd' }, waits: [] })] }))
  expect(driver.list({ labels: { c: 'd' }, limit: 9 })).toMatchObject([{ rootId: 'app' }])
  expect(driver.waits({ limit: 9 })).toEqual([])
  expect([driver.delete(root('app')), driver.find(root('app'))]).toEqual([true, undefined])
  await begin(driver, 'app', { born: AT + 1 })
  expect(driver.list({ labels: { a: 'b' }, limit: 9 })).toEqual([])
  driver.close()
})

it('times with a fraction are read whole, so that the next page begins where the last one ended', async () => {
  const driver = new SqliteDriver({ file: ':memory:' })
  const since = 1_700_000_000_000 + 1 / 4096
  await begin(driver, 'app', { since, waits: [wait('app', 0, { since }), wait('app', 1, { since: since + 1 / 1024 })] })
  const [first] = await driver.waits({ limit: 1 })

  expect((await driver.find(root('app')))?.summary?.since).toBe(since)
  expect(first).toMatchObject({ n: 0, since })
  expect(await driver.waits({ limit: 9, after: { partitionKey: null, since, appId: 'app', n: 0 } })).toMatchObject([
    { n: 1 },
  ])
  driver.close()
})

it('texts of a summary that are no UTF-8 are read, and change nothing else', async () => {
  const driver = new SqliteDriver({ file: ':memory:' })
  await begin(driver, 'app', { name: 'mail', title: 'Title', facts: '{"a":1}' })
  driver.database.exec(
    `update teasel_apps set title = cast(x'fe41' as text), facts = x'ff', name = cast(x'c3' as text)`,
  )
  driver.database.exec(`update teasel_apps set since = 9223372036854775807, next_at = 1e300`)

  const [run] = await driver.list({ limit: 9 })

  expect(run?.summary).toMatchObject({
    title: '\ufffdA',
    facts: '\ufffd',
    name: '\ufffd',
    since: 2 ** 63,
    nextAt: 1e300,
  })
  driver.close()
})
