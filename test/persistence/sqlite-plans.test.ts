import { sqlitePersister } from 'teasel/persistence/sqlite'
import { afterAll, beforeEach, expect, it } from 'vitest'
import type { SqliteDriver } from '../../src/adapters/sqlite/sqlite-driver.js'
import { group, parent, root, row, summary, wait } from '../../src/testing/contract-rows.js'

// Every statement about summaries finds its rows by an index, in their order: none reads a whole table. An index that a
// statement names is used, or SQLite refuses the statement.

const persister = sqlitePersister({ file: ':memory:' })
const driver = persister.driver as SqliteDriver
afterAll(() => persister.close())
const { database } = driver
const prepare = database.prepare.bind(database)
let texts: string[] = []
database.prepare = (text) => {
  texts.push(text)
  return prepare(text)
}
beforeEach(() => {
  texts = []
})

/** The steps of the plans of all statements that were prepared. */
const planned = (): readonly string[] =>
  texts.flatMap((text) => {
    const values = text
      .split('?')
      .slice(1)
      .map(() => 0) // a plan does not depend on values
    const plan = prepare(`explain query plan ${text}`).all(...values) as readonly { readonly detail: string }[]
    return plan.map(({ detail }) => detail)
  })
const scans = (plan: readonly string[]): readonly string[] =>
  plan.filter((step) => /^SCAN /.test(step) && !/^SCAN (\(?subquery|h\b|CONSTANT|\d+ CONSTANT)/i.test(step))
/** The indexes of this library that a plan uses. */
const indexes = (plan: readonly string[]): readonly string[] => [
  ...new Set(plan.flatMap((step) => /teasel_by_(\w+)/.exec(step)?.[1] ?? [])),
]
const sorts = (plan: readonly string[]): number => plan.filter((step) => /TEMP B-TREE FOR .*ORDER BY/.test(step)).length

const here = { limit: 50, partitionKey: null } as const
const all = { limit: 50 } as const
const labels = { a: 'b' }
const after = { partitionKey: null, rootId: 'x', born: 5 }
const asked = { partitionKey: null, since: 1, appId: 'x', n: 1 }
const map = { epoch: 0, map: 'each', visit: 1 } as const

it.each<[string, () => unknown, readonly string[]]>([
  ['the newest of a partition', () => driver.list(here), ['roots']],
  ['a further page of a partition', () => driver.list({ ...here, after }), ['roots']],
  ['the newest of all partitions', () => driver.list(all), ['all']],
  ['a further page of all', () => driver.list({ ...all, after, createdFrom: 1 }), ['all']],
  ['a status', () => driver.list({ ...here, status: ['failed'], after }), ['status']],
  [
    'several statuses of all',
    () => driver.list({ ...all, status: ['failed', 'interrupted'] }),
    ['all_status', 'lease'],
  ],
  ['a name', () => driver.list({ ...here, name: 'x' }), ['name', 'lease']],
  ['a name and a status, of all', () => driver.list({ ...all, name: 'x', status: ['failed'], after }), ['all_name']],
  ['a label', () => driver.list({ ...here, labels, after }), []],
  ['a label, of all', () => driver.list({ ...all, labels, after }), ['all_label']],
  ['a label of few, and a status', () => driver.list({ ...here, labels, status: ['failed'] }), []],
  ['two labels, of all', () => driver.list({ ...all, labels: { ...labels, c: 'd' } }), ['all_label']],
  ['open questions', () => driver.list({ ...here, pending: true, after }), ['pending']],
  ['retries', () => driver.list({ ...all, retrying: true, status: ['failed'] }), ['retrying']],
  ['abandoned code', () => driver.list({ ...all, leaked: true, after }), ['leaked']],
  ['no summary', () => driver.list({ ...all, unsummarised: true, after }), ['unknown']],
  ['what is due', () => driver.due({ ...all, after: { ...after, wakeAt: 0 } }), ['wake']],
  ['open questions, oldest first', () => driver.waits({ ...here, after: asked }), ['wait']],
  ['questions of a root', () => driver.waits({ ...all, rootId: 'x', labels, after: asked }), ['wait_root']],
  ['questions of two kinds', () => driver.waits({ ...all, kinds: ['a', 'b'], after: asked }), ['wait_kind']],
  ['applications of a map', () => driver.below({ ...here, parentId: 'x', ...map }), ['parent']],
])('a list by %s follows an index, and sorts no more than a page', (_, ask, expected) => {
  ask()

  const plan = planned()
  expect([scans(plan), indexes(plan)]).toEqual([[], expected])
  expect(plan.filter((step) => step.startsWith('SEARCH')).length).toBeGreaterThan(0)
  expect(sorts(plan)).toBeLessThanOrEqual(2)
})

it.each<[string, () => unknown, readonly string[]]>([
  ['roots of a partition', () => driver.count({ partitionKey: null }, 9), ['status', 'lease']],
  ['roots of all', () => driver.count({}, 9), ['all_status', 'lease']],
  ['roots of a name', () => driver.count({ name: 'x' }, 9), ['all_name', 'lease']],
  ['roots of a label', () => driver.count({ labels, partitionKey: null }, 9), []],
  ['open questions', () => driver.count({ pending: true }, 9), ['pending']],
  ['applications below', () => driver.countBelow(null, 'x'), ['parent']],
])('a count of %s follows an index', (_, ask, expected) => {
  ask()

  const plan = planned()
  expect([scans(plan), indexes(plan)]).toEqual([[], expected])
})

it('counts by status from the indexes alone', () => {
  driver.count({ partitionKey: 'another' }, 9)
  driver.count({ createdFrom: 1 }, 9)

  const plan = planned().filter((step) => step.startsWith('SEARCH'))
  expect(plan.length).toBeGreaterThan(0)
  expect(plan.filter((step) => !step.includes('COVERING INDEX'))).toEqual([])
})

it('a label of many is tested on the way of another filter', () => {
  driver.claim(root('many'), 'one')
  for (let i = 0; i < 1000; i++)
    database.exec(
      `insert into teasel_labels (part, name, value, born, app) values ('', 'common', 'x', ${i}, 'app ${i}')`,
    )
  const common = { common: 'x' }
  texts = []
  driver.list({ ...here, labels: common, status: ['cancelled'] })
  driver.list({ ...here, labels: { ...common, ...labels }, pending: true })
  driver.list({ ...here, labels: common, leaked: true })
  driver.count({ labels: common, partitionKey: null }, 9)

  const plan = planned()
  expect([scans(plan), indexes(plan)]).toEqual([[], ['status', 'leaked', 'lease']])
  database.exec(`delete from teasel_labels where name = 'common'`)
})

it('every statement that writes finds its rows by an index', () => {
  const waits = [wait('app', 0)]
  const summaries = [
    summary('app', { labels, waits, wake: 'lease' }),
    summary('child', { parent: parent('app', 'x'), waits: [] }),
  ]
  driver.claim(root('app'), 'one', { leaseMs: 9 })
  driver.save(group('app', [row('app', 0), row('child', 0)], { summaries, leaseMs: 9 }))
  driver.save(group('app', [], { summaries: [summary('app', { waits: [] }), summary('app', { labels: {}, waits })] }))
  driver.save(group('app', [row('app', 1)]))
  driver.claim(root('app'), 'one')
  driver.beat(root('app'), 'one', 9, null)
  driver.post(root('app'), 'app', '1', 'answer')
  driver.find(root('app'))
  driver.summaries(null, ['app'])
  driver.rows(null, 'app', { from: 0, limit: 9 })
  driver.delete(root('app'))

  expect(texts.length).toBeGreaterThan(20)
  expect(scans(planned())).toEqual([])
})
