import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createApplication, defineMessage, defineState, resumeOrCreate, SnapshotError, type } from 'teasel'
import {
  type Claim,
  createPersister,
  memoryPersister,
  PersistenceError,
  type Persister,
  type PersisterDriver,
  type Row,
  rewind,
  sendStored,
} from 'teasel/persistence'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { afterAll, describe, expect, it } from 'vitest'
import type { SqliteDriver } from '../../src/adapters/sqlite/sqlite-driver.js'
import { overDriver } from '../support/over-driver.js'
import { quiet } from '../support/quiet-logger.js'

// Any damage to a store: it is reported, with the record, or changes nothing; earlier steps can be restored; and other
// records are unaffected.

const folder = mkdtempSync(join(tmpdir(), 'teasel-damaged-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Job {
  n: number
  log: readonly { readonly at: Date; readonly text: string }[]
  seen: Map<string, number>
  item: string
}
const kit = defineState<Job>()
const approve = defineMessage('approve', type<boolean>())
const work = kit.action({
  reads: ['n', 'log', 'seen'],
  writes: ['n', 'log', 'seen'],
  run: ({ state: { n, log, seen } }) => ({
    n: n + 1,
    log: [...log, { at: new Date(n), text: `step ${n} é🌱`.repeat(9) }],
    seen: new Map([...seen, [`key ${n}`, n]]),
  }),
})
const ask = kit.action({
  reads: ['item', 'log'],
  writes: ['item'],
  async run({ context }) {
    await context.receiveOne(approve)
    return { item: 'answered' }
  },
})
const each = kit.mapStates({
  reads: ['log'],
  writes: ['item'],
  action: ask,
  states: { a: { item: 'a' }, b: { item: 'b' } },
  reduce: () => ({ item: 'all' }),
})
const graph = kit.graph({
  actions: { work, each },
  transitions: { work: [{ to: 'work', when: ({ state }) => state.n < 6 }, { to: 'each' }] },
})
const options = {
  entrypoint: 'work',
  state: { n: 0, log: [], seen: new Map<string, number>() },
  logger: quiet,
} as const

/** Two jobs that wait in a map. */
async function fill(persister: Persister): Promise<void> {
  for (const appId of ['job', 'other']) {
    const app = createApplication(graph, { ...options, appId, persister })
    await app.run({ whenWaiting: 'return' })
    await app[Symbol.asyncDispose]()
  }
  await sendStored({ persister, appId: 'job', path: 'each/a', message: approve(true) })
}

/** Numbers between 0 and 1, the same ones for a seed. */
function dice(seed: number): () => number {
  let a = seed
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
type Random = ReturnType<typeof dice>
const one = <T>(random: Random, all: readonly T[]): T => all[Math.floor(random() * all.length)] as T

const NUMBERS = [-1, 0, 1, 7, 2 ** 40, 2 ** 60, Number.NaN, 1.5]
const TEXTS = ['full', 'patch', 'note', 'work', '', '\ufffd', 'status']
/** Kinds of damage to a row. */
const DAMAGES: readonly ((row: Row, random: Random, rows: readonly Row[]) => Row)[] = [
  (row, random) => {
    const at = Math.floor(random() * row.data.length)
    const other = String.fromCharCode(row.data.charCodeAt(at) ^ (1 << Math.floor(random() * 7)))
    return { ...row, data: row.data.slice(0, at) + other + row.data.slice(at + 1) }
  },
  (row, random) => ({ ...row, data: row.data.slice(0, Math.floor(random() * row.data.length)) }),
  (row, random, rows) => ({ ...row, data: one(random, rows).data }),
  (row, random) => ({ ...row, data: one(random, ['', '{}', '[]', 'null', '{"f":2}', '{"f":3,"s":{}}', '\ufffd']) }),
  (row, random) => ({ ...row, kind: one(random, TEXTS) as Row['kind'] }),
  (row, random) => ({ ...row, label: one(random, TEXTS) }),
  (row, random) => ({ ...row, epoch: one(random, NUMBERS) }),
  (row, random) => ({ ...row, sequenceId: one(random, NUMBERS) }),
  (row, random) => ({ ...row, order: one(random, NUMBERS) }),
]

interface Damageable {
  readonly persister: Persister
  /** Every row of an application. */
  rows(appId: string): Promise<readonly Row[]>
  /** Puts another row into the place of one. */
  put(row: Row, as: Row): void
  /** Restores the rows. */
  heal(): Promise<void>
}

/** Rows are damaged as they are read. */
async function memory(): Promise<Damageable> {
  const asked: ((of: PersisterDriver) => unknown)[] = []
  let driver = memoryPersister().driver
  const again = (ask: (of: PersisterDriver) => unknown) => {
    asked.push(ask)
    return ask(driver)
  }
  const damage = new Map<string, Row>()
  const seen = (row: Row): Row => damage.get(`${row.appId} ${row.index}`) ?? row
  const damaged = overDriver(driver, {
    name: 'damaged',
    claim: (root, writer, how) => again((of) => of.claim(root, writer, how)) as Claim,
    save: (group) => again((of) => of.save(group)) as undefined,
    async load(partitionKey, appIds, until) {
      const tails = await driver.load(partitionKey, appIds, until)
      return tails.map((tail) => tail && { ...tail, rows: tail.rows.map(seen) })
    },
    history: async (partitionKey, appId) =>
      (await driver.history(partitionKey, appId)).map((facts) => damage.get(`${appId} ${facts.index}`) ?? facts),
    post: (root, appId, data, kind) => again((of) => of.post(root, appId, data, kind)) as number,
  })
  const persister = createPersister(damaged)
  await fill(persister)
  const filled = [...asked]
  return {
    persister,
    rows: (appId) => allRows(driver, appId),
    put: (row, as) => void damage.set(`${row.appId} ${row.index}`, as),
    async heal() {
      damage.clear()
      driver = memoryPersister().driver
      for (const ask of filled) ask(driver)
    },
  }
}

async function sqlite(): Promise<Damageable> {
  const persister = sqlitePersister({ file: ':memory:' })
  await fill(persister)
  const { database } = persister.driver as SqliteDriver
  for (const name of ['rows', 'apps', 'inbox', 'owners'])
    database.exec(`create table kept_${name} as select * from teasel_${name}`)
  // The SQLite of Node 22.13 binds no bytes at all as null.
  const bytes = (text: string): Uint8Array | string => (text === '' ? text : new TextEncoder().encode(text))
  return {
    persister,
    rows: (appId) => allRows(persister.driver, appId),
    put: ({ appId, index }, { kind, epoch, sequenceId, label, order, data }) => {
      const set = 'kind = cast(? as text), epoch = ?, seq = ?, label = cast(? as text), ord = ?, data = ?'
      const half = label === '\ufffd' ? new Uint8Array([0xff, 0xc3]) : bytes(label)
      const number = (value: number) => (Number.isNaN(value) ? 'no number' : value)
      const torn = data === '\ufffd' ? new Uint8Array([0xff, 0xc3, 0x28]) : bytes(data)
      database
        .prepare(`update teasel_rows set ${set} where key = (select id << 32 | ? from teasel_apps where app = ?)`)
        .run(bytes(kind), number(epoch), number(sequenceId), half, number(order), torn, index, appId)
    },
    async heal() {
      for (const name of ['rows', 'apps', 'inbox', 'owners'])
        database.exec(`delete from teasel_${name}; insert into teasel_${name} select * from kept_${name}`)
    },
  }
}

async function allRows(driver: PersisterDriver, appId: string): Promise<readonly Row[]> {
  const rows = new Map<number, Row>()
  for (const { sequenceId, epoch } of await driver.history(null, appId)) {
    const [tail] = await driver.load(null, [appId], { sequenceId, epoch })
    for (const row of tail?.rows ?? []) rows.set(row.index, row)
  }
  const [tail] = await driver.load(null, [appId])
  for (const row of tail?.rows ?? []) rows.set(row.index, row)
  return [...rows.values()]
}

const isTold = (error: unknown): boolean =>
  (PersistenceError.is(error) && error.fault === 'corrupt') || SnapshotError.is(error)
const outcome = <T>(work: Promise<T>): Promise<T | 'told'> =>
  work.catch((error: unknown) => {
    if (isTold(error)) return 'told' as const
    throw error
  })

describe.each<[string, () => Promise<Damageable>]>([
  ['memory', memory],
  ['sqlite', sqlite],
])('damaged records in a store (%s)', (_, open) => {
  it('are reported, or change nothing; earlier steps can be restored, and other records are unaffected', async () => {
    const store = await open()
    const { persister } = store
    const random = dice(20_260_101)
    const branches = (await persister.load({ appId: 'job' }))?.map
    const whole = new Map<number, unknown>()
    for (const { sequenceId } of (await persister.steps({ runId: 'job', status: 'done' })).items)
      whole.set(sequenceId, (await persister.load({ appId: 'job', sequenceId }))?.state)
    const intact = await persister.load({ appId: 'job' })
    const other = await persister.load({ appId: 'other' })
    const counts = { told: 0, same: 0 }
    expect([whole.size, branches?.total]).toEqual([7, 2])

    for (let round = 0; round < 150; round++) {
      const rows = await store.rows('job')
      const row = one(random, rows)
      const damaged = one(random, DAMAGES)(row, random, rows)
      store.put(row, damaged)
      const context = `round ${round}: record ${row.index} as ${JSON.stringify(damaged).slice(0, 200)}`

      const loaded = await outcome(persister.load({ appId: 'job' }))
      if (loaded === 'told') counts.told += 1
      else expect(loaded, context).toEqual(intact)
      counts.same += loaded === 'told' ? 0 : 1

      expect((await persister.list()).items.map(({ runId }) => runId).sort(), context).toEqual(['job', 'other'])
      expect(await persister.load({ appId: 'other' }), context).toEqual(other)
      let back: number | undefined
      for (let step = 5; step >= -1 && back === undefined; step--) {
        const epoch = await outcome(rewind({ persister, appId: 'job', sequenceId: step })).catch((error: unknown) => {
          if (error instanceof RangeError) return 'told' as const
          throw error
        })
        if (epoch !== 'told') back = step
      }
      if (back === undefined) expect(row.index, context).toBe(0)
      else expect((await persister.load({ appId: 'job' }))?.state, context).toEqual(whole.get(back))
      if (back !== undefined) {
        const resumed = await resumeOrCreate(graph, { ...options, appId: 'job', persister })
        expect(resumed.state.n, context).toBe(back + 1)
        await resumed[Symbol.asyncDispose]()
      }
      await store.heal()
    }

    expect(counts.told).toBeGreaterThan(40)
    expect(counts.same).toBeGreaterThan(20) // records from before the last whole state
  })
})

it('a missing record in the middle is reported, and earlier steps can be restored', async () => {
  const persister = sqlitePersister({ file: ':memory:' })
  const count = kit.action({ reads: ['n'], writes: ['n'], run: ({ state: { n } }) => ({ n: n + 1 }) })
  const loop = kit.graph({ actions: { count }, transitions: { count: 'count' } })
  const app = createApplication(loop, { appId: 'job', entrypoint: 'count', state: { n: 0 }, logger: quiet, persister })
  for (let i = 0; i < 3; i++) await app.step()
  const { database } = persister.driver as SqliteDriver
  database.exec('delete from teasel_rows where key & 4294967295 = 2')

  await expect(persister.load({ appId: 'job' })).rejects.toMatchObject({
    fault: 'corrupt',
    message: expect.stringContaining('record 2 is missing') as unknown,
  })
  expect((await persister.load({ appId: 'job', sequenceId: 0 }))?.state).toEqual({ n: 1 })
})

describe('a damaged message', () => {
  it('is reported, stops no other job, and is removed by a rewind', async () => {
    const persister = sqlitePersister({ file: ':memory:' })
    const wait = kit.graph({ actions: { ask } })
    const start = { entrypoint: 'ask', state: { item: 'x', log: [] }, logger: quiet, persister } as const
    for (const appId of ['job', 'other']) {
      const app = await resumeOrCreate(wait, { ...start, appId })
      await app.run({ whenWaiting: 'return' })
      await app[Symbol.asyncDispose]()
      await sendStored({ persister, appId, message: approve(true) })
    }
    const { database } = persister.driver as SqliteDriver
    database.exec(`update teasel_inbox set data = x'ff00' where app = 'job'`)

    const error: unknown = await resumeOrCreate(wait, { ...start, appId: 'job' }).catch((thrown: unknown) => thrown)
    const other = await (await resumeOrCreate(wait, { ...start, appId: 'other' })).run()
    await rewind({ persister, appId: 'job', sequenceId: -1 })
    const resumed = await resumeOrCreate(wait, { ...start, appId: 'job' })

    expect(error).toMatchObject({ fault: 'corrupt', appId: 'job' })
    expect((error as Error).message).toBe(
      'Message 1 to application "job" cannot be read: its checksum does not match. Nothing was run. Rewind the application, for example to its last step: that drops damaged messages.',
    )
    expect(other.state.item).toBe('answered')
    expect((await resumed.run({ whenWaiting: 'return' })).status).toBe('waiting')
    await resumed[Symbol.asyncDispose]()
    await persister.close()
  })
})

describe('a damaged file', () => {
  it('gives committed data, or is reported', async () => {
    const file = join(folder, 'whole.db')
    const first = sqlitePersister({ file })
    await fill(first)
    const states = new Set(['undefined'])
    for (const { sequenceId } of (await first.steps({ runId: 'job', status: 'done' })).items)
      states.add(JSON.stringify((await first.load({ appId: 'job', sequenceId }))?.state))
    await first.close()
    const random = dice(7)

    for (let round = 0; round < 60; round++) {
      const copy = join(folder, `damaged-${round}.db`)
      copyFileSync(file, copy)
      const bytes = readFileSync(copy)
      for (let i = 0; i < 3; i++) {
        const at = 100 + Math.floor(random() * (bytes.length - 100))
        bytes[at] = Math.floor(random() * 256)
      }
      writeFileSync(copy, bytes)
      const seen = async (): Promise<unknown> => {
        const persister = sqlitePersister({ file: copy })
        try {
          await persister.list()
          return (await persister.load({ appId: 'job' }))?.state
        } finally {
          await persister.close()
        }
      }

      const found: unknown = await seen().catch((error: unknown) => {
        if (PersistenceError.is(error) || SnapshotError.is(error)) return 'told'
        throw error
      })

      if (found !== 'told') expect(states).toContain(JSON.stringify(found) ?? 'undefined')
      rmSync(copy)
    }
  })
})
