import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import {
  type AppSummary,
  type Awaitable,
  memoryPersister,
  type OpenQuestion,
  PersistenceError,
  type PersisterDriver,
  type StoredBelow,
  type StoredRun,
} from 'teasel/persistence'
import { postgresPersister } from 'teasel/persistence/postgres'
import { redisPersister } from 'teasel/persistence/redis'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { afterAll, describe, expect, it } from 'vitest'
import { findPostgres } from '../support/postgres.js'
import { findRedis } from '../support/redis.js'

// Any sequence of calls leaves each store with the answers of the one in memory.

const folder = mkdtempSync(join(tmpdir(), 'teasel-agree-'))
const server = await findPostgres()
const redis = await findRedis()
const prefixes: string[] = []
const schemas: string[] = []
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  for (const schema of schemas) await server?.drop(schema)
  for (const prefix of prefixes) await redis?.drop(`{${prefix}}:`)
})

let files = 0
const stores: Readonly<Record<string, () => PersisterDriver>> = {
  sqlite: () => sqlitePersister({ file: join(folder, `${files++}.db`) }).driver,
  ...(server && {
    postgres() {
      const schema = `teasel_agree_${process.pid}_${schemas.length}`
      schemas.push(schema)
      return postgresPersister({ url: server.url, schema, connections: 1 }).driver
    },
  }),
  ...(redis && {
    redis() {
      const prefix = `teasel_agree_${process.pid}_${prefixes.length}`
      prefixes.push(prefix)
      return redisPersister({ connection: redis.url, prefix }).driver
    },
  }),
}

const HOUR = 3_600_000
const AT = 1_700_000_000_000
const STATUSES = ['queued', 'running', 'waiting', 'retrying', 'interrupted', 'finished', 'failed'] as const
const KINDS = ['a', 'b', 'c']
const one = <T>(...values: readonly T[]) => fc.constantFrom(...values)
const maybe = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined })

const partitionKey = one(null, 'p')
const ROOTS = ['r1', 'r2', 'R3', 'rä']
const rootId = one(...ROOTS)
const branch = one(undefined, 'b1', 'b2', 'B3')
const labels = fc.record({ l: one('1', '2'), m: maybe(one('1')) }).map(({ l, m }) => ({ l, ...(m && { m }) }))
// Open questions of one application belong to one step.
const waits = fc
  .tuple(
    fc.nat(1),
    fc.uniqueArray(
      fc.record({
        n: fc.nat(2),
        kinds: fc.subarray([...KINDS]),
        since: fc.nat(3),
        until: one(null, 7),
        facts: one('{}', '{"q":1}'),
      }),
      { selector: ({ n }) => n, maxLength: 3 },
    ),
  )
  .map(([sequenceId, all]) => all.map((wait) => ({ ...wait, sequenceId })))
const facts = fc.record({
  status: one(...STATUSES),
  since: fc.nat(5),
  name: maybe(one('g', 'h')),
  title: maybe(one('Über uns', 'a%_"b')),
  labels: maybe(labels),
  pending: fc.nat(1),
  retrying: fc.nat(1),
  leaked: fc.nat(1),
  wake: one<number | null | 'lease'>(null, 0, 5, 5, 9, 'lease'),
  facts: one('{}', '{"f":1}'),
  nextAt: one(null, 3),
  waits: maybe(waits),
  index: fc.nat(1),
  visit: fc.nat(1),
})
const leaseMs = one(undefined, 0, HOUR)
const writer = one('w1', 'w1', 'w1', 'w2')
const call = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ call: one('claim' as const), writer, leaseMs, free: fc.boolean(), fence: maybe(fc.nat(2)) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ call: one('beat' as const), writer, leaseMs: one(0, HOUR), data: one(null, '{"b":1}') }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      ...{ call: one('save' as const), writer, branch, rows: fc.nat(2), born: fc.nat(4), leaseMs },
      ...{ facts: maybe(facts), ofRoot: maybe(facts) },
    }),
  },
  { weight: 5, arbitrary: fc.record({ call: one('post' as const), branch, kind: maybe(one(...KINDS, 'z')) }) },
  { weight: 1, arbitrary: fc.record({ call: one('delete' as const) }) },
)
const calls = fc.array(fc.tuple(partitionKey, rootId, call), { minLength: 60, maxLength: 60, size: 'max' })

const anyPartition = one(undefined, undefined, null, 'p')
const status = maybe(fc.subarray([...STATUSES]))
const flag = one(undefined, undefined, undefined, true as const)
const run = fc.record({
  ...{
    partitionKey: anyPartition,
    status,
    name: one(undefined, undefined, 'g'),
    labels: one(undefined, undefined, { l: '1' }),
  },
  ...{ createdFrom: one(undefined, AT + 1), createdTo: one(undefined, AT + 3), retrying: flag, pending: flag },
  ...{ leaked: flag, unsummarised: flag, text: one(undefined, undefined, 'R', 'ber', '_') },
})
const below = fc.record({ epoch: one(undefined, 0, 1), map: one(undefined, 'each'), visit: one(undefined, 1), status })
const question = fc.record({
  ...{
    partitionKey: anyPartition,
    rootId: maybe(rootId),
    kinds: maybe(fc.subarray([...KINDS])),
    answered: maybe(fc.boolean()),
  },
  labels: one(undefined, { l: '1' }),
})
const questions = fc.record({
  runs: fc.array(run, { minLength: 12, maxLength: 12 }),
  below,
  waits: fc.array(question, { minLength: 4, maxLength: 4 }),
})

type Of<A> = A extends fc.Arbitrary<infer T> ? T : never
type Call = Of<typeof calls>[number]
type Facts = Of<typeof facts>

function summaryOf(partition: string | null, appId: string, root: string, given: Facts): AppSummary {
  const { index, visit, waits: asked, ...rest } = given
  const isRoot = appId === root
  const ended = rest.status === 'finished' || rest.status === 'failed'
  const parent = {
    appId: root,
    epoch: visit,
    sequenceId: 2,
    map: index === 0 ? 'each' : 'other',
    visit,
    key: appId,
    index,
  }
  return {
    ...rest,
    appId,
    wake: !isRoot || (ended && rest.wake === 'lease') ? null : rest.wake,
    waits: asked?.map(({ since, ...wait }) => ({
      ...wait,
      id: `${appId}.${wait.sequenceId}.${wait.n}`,
      since: since * 2 + (partition === null ? 0 : 1), // a page over all partitions has no order for equal ids
    })),
    ...(!isRoot && { parent }),
  }
}

/** Does a call. @returns its result, or the fault */
async function perform(driver: PersisterDriver, [partition, id, given]: Call, lengths: Map<string, number>) {
  const root = { partitionKey: partition, rootId: id }
  const appId = (of: string | undefined): string => (of === undefined ? id : `${id}/${of}`)
  try {
    switch (given.call) {
      case 'claim':
        return await driver.claim(root, given.writer, given)
      case 'beat':
        return round(await driver.beat(root, given.writer, given.leaseMs, given.data))
      case 'save': {
        const app = appId(given.branch)
        const key = JSON.stringify([partition, app])
        const length = lengths.get(key) ?? 0
        const rows = Array.from({ length: given.rows }, (_, i) => ({
          ...{ appId: app, index: length + i, kind: 'full' as const, epoch: 0, sequenceId: length + i, label: 'a' },
          ...{ order: (AT + given.born) * 1024, data: '{}' },
        }))
        const summaries = [
          ...(given.facts === undefined ? [] : [summaryOf(partition, app, id, given.facts)]),
          ...(given.ofRoot === undefined || given.branch === undefined
            ? []
            : [summaryOf(partition, id, id, given.ofRoot)]),
        ]
        await driver.save({
          ...root,
          writer: given.writer,
          rows,
          summaries,
          ...(given.leaseMs !== undefined && { leaseMs: given.leaseMs }),
        })
        lengths.set(key, length + given.rows)
        return 'saved'
      }
      case 'post':
        await driver.post(root, appId(given.branch), '{}', given.kind)
        return 'posted'
      case 'delete':
        for (const key of [...lengths.keys()]) {
          const [of, app] = JSON.parse(key) as [string | null, string]
          if (of === partition && (app === id || app.startsWith(`${id}/`))) lengths.delete(key)
        }
        return await driver.delete(root)
    }
  } catch (error) {
    if (PersistenceError.is(error)) return [error.fault, error.appId]
    throw error
  }
}

/** Times of the clock differ between stores: they are now or an hour later. */
const round = (time: number): number | string => {
  if (time < AT) return time
  return time > Date.now() + HOUR / 2 ? 'in an hour' : 'now'
}
const rounded = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (key, item: unknown) =>
      ['wakeAt', 'leaseUntil', 'at'].includes(key) && typeof item === 'number'
        ? round(item)
        : typeof item === 'object' && item !== null && !Array.isArray(item)
          ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
          : item,
    ),
  )

/** All pages of two. */
async function paged<T>(next: (after: T | undefined) => Awaitable<readonly T[]>): Promise<T[]> {
  const all: T[] = []
  for (;;) {
    const page = await next(all.at(-1))
    all.push(...page)
    if (page.length < 2) return all
  }
}

async function answers(driver: PersisterDriver, asked: Of<typeof questions>): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {}
  for (const query of [{}, ...asked.runs]) {
    const name = JSON.stringify(query)
    found[`list ${name}`] = await paged<StoredRun>((after) =>
      driver.list({ ...query, limit: 2, ...(after && { after }) }),
    )
    found[`count ${name}`] = await driver.count(query, 2)
  }
  for (const of of [null, 'p'])
    for (const id of ['r1', 'R3']) {
      const parent = { partitionKey: of, parentId: id }
      found[`find ${of} ${id}`] = await driver.find({ partitionKey: of, rootId: id })
      found[`below ${of} ${id}`] = await paged<StoredBelow>((after) =>
        driver.below({
          ...{ ...parent, ...asked.below, limit: 2 },
          ...(after && { after: { index: after.summary.parent.index, appId: after.appId } }),
        }),
      )
      const counts = await driver.countBelow(of, id)
      found[`count below ${of} ${id}`] = counts.map((one) => JSON.stringify(rounded(one))).sort()
      found[`summaries ${of} ${id}`] = await driver.summaries(of, [`${id}/b1`, id, 'none'])
      found[`rows ${of} ${id}`] = await driver.rows(of, id, { from: 1, limit: 2 })
    }
  for (const query of [{}, ...asked.waits])
    found[`waits ${JSON.stringify(query)}`] = await paged<OpenQuestion>((after) =>
      driver.waits({ ...query, limit: 2, ...(after && { after }) }),
    )
  for (const of of [undefined, null])
    found[`due at 100 of ${of}`] = await paged<StoredRun>((after) =>
      driver.due({
        ...{ limit: 2, before: 100, ...(of !== undefined && { partitionKey: of }) },
        ...(after && { after: { ...after, wakeAt: after.wakeAt ?? 0 } }),
      }),
    )
  const due = await driver.due({ limit: 100 })
  found['due'] = due.map(({ partitionKey: of, rootId: id }) => `${of} ${id}`).sort()
  return found
}

describe.each(Object.entries(stores))('the store %s', (_, open) => {
  it('answers any questions after any calls as the store in memory', async () => {
    const property = fc.asyncProperty(calls, questions, async (all, asked) => {
      const [reference, driver] = [memoryPersister().driver, open()]
      const lengths = [new Map<string, number>(), new Map<string, number>()] as const
      try {
        for (const of of [null, 'p'])
          for (const id of ROOTS)
            for (const store of [reference, driver]) await store.claim({ partitionKey: of, rootId: id }, 'w1')
        for (const [i, given] of all.entries()) {
          const expected = await perform(reference, given, lengths[0])
          expect(await perform(driver, given, lengths[1]), `call ${i}: ${JSON.stringify(given)}`).toEqual(expected)
          if (i % 10 === 9)
            expect(rounded(await answers(driver, asked))).toEqual(rounded(await answers(reference, asked)))
        }
      } finally {
        await driver.close()
      }
    })
    await fc.assert(property, { numRuns: 5, seed: 13, endOnFailure: true })
  }, 120_000)
})
