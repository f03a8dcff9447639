import type { PersisterDriver, RootKey } from '../persistence/driver.js'
import { assertSame, assertThrows, ContractBroken } from './contract-case.js'
import { begin, type Check, group, isFault, root, rootIds, row, summary } from './contract-rows.js'

const LONG = 60_000
const SHORT = 20
const POLL_MS = 2
const PATIENCE_MS = 10_000

/** Waits until the lease of a root is over by the clock of its store. */
async function untilExpired(driver: PersisterDriver, of: RootKey): Promise<void> {
  const end = performance.now() + PATIENCE_MS
  while ((await driver.find(of))?.expired !== true) {
    if (performance.now() > end) throw new ContractBroken(`The lease of "${of.rootId}" was not over in time.`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

const claimOf = async (driver: PersisterDriver, of = root('app')) => (await driver.find(of))?.claim
const live = { summaries: [summary('app', { wake: 'lease' })] }

/** Contract of a driver for leases and heartbeats. */
export const LEASES: Readonly<Record<string, Check>> = {
  'refuses a free claim while the lease of another runner lives, and describes that runner': async (driver, again) => {
    const worker = '{"host":"web-1","pid":4711}'
    await driver.claim(root('app'), 'one', { leaseMs: LONG, worker })
    await driver.save(group('app', [row('app', 0)]))
    const before = await claimOf(again)

    const refusal = await assertThrows(
      'a free claim',
      () => again.claim(root('app'), 'two', { free: true, leaseMs: LONG, worker: '{"host":"web-2"}' }),
      isFault('held'),
    )
    assertSame('writers', refusal.writers, ['two', 'one'])
    assertSame('until', refusal.heldUntil, before?.leaseUntil)
    const told = ['one', 'two', 'app', 'web-1', '4711', new Date(before?.leaseUntil ?? 0).toISOString()]
    assertSame(
      'message',
      told.filter((text) => !refusal.message.includes(text)),
      [],
    )
    assertSame('claim', before, { incarnation: 0, writer: 'one', worker, leaseUntil: before?.leaseUntil ?? 0 })
    assertSame('nothing has changed', await claimOf(again), before)
    await driver.save(group('app', [row('app', 1)]))

    const same = await driver.claim(root('app'), 'one', { free: true, leaseMs: LONG })
    assertSame('by the same runner', same, { incarnation: 1, before: 'one' })
    assertSame('its description', (await claimOf(again))?.worker, undefined)
  },

  'lets a claim win that is not free, whatever the lease': async (driver, again) => {
    await driver.claim(root('app'), 'one', { leaseMs: LONG, worker: '{"host":"web-1"}' })
    await driver.save(group('app', [row('app', 0)], live))

    assertSame('claim', await again.claim(root('app'), 'two'), { incarnation: 1, before: 'one' })
    const late = () => driver.save(group('app', [row('app', 1)], { leaseMs: LONG }))
    await assertThrows('the first runner', late, isFault('taken-over'))
    const { leaseUntil, worker, writer } = (await claimOf(driver)) ?? {}
    assertSame('its lease', [writer, leaseUntil, worker], ['two', 0, undefined])

    const free = await driver.claim(root('app'), 'three', { free: true, leaseMs: LONG })
    assertSame('a free claim, as there is no lease', free, { incarnation: 2, before: 'two' })
    const other = await again.claim(root('app', 'p'), 'four', { free: true })
    assertSame('of another partition', other, { incarnation: 0, before: undefined })
  },

  'allows a free claim when the lease is over, or was ended': async (driver, again) => {
    await driver.claim(root('app'), 'one', { leaseMs: SHORT })
    await driver.save(group('app', [row('app', 0)], live))
    await untilExpired(again, root('app'))
    const over = await again.claim(root('app'), 'two', { free: true, leaseMs: LONG })
    const held = () => driver.claim(root('app'), 'three', { free: true })
    await assertThrows('while it lives', held, isFault('held'))
    await again.save(group('app', [], { writer: 'two', leaseMs: 0 }))
    const ended = await driver.claim(root('app'), 'three', { free: true, leaseMs: LONG })
    await driver.beat(root('app'), 'three', 0, null)
    const beaten = await again.claim(root('app'), 'four', { free: true })

    assertSame(
      'before',
      [over, ended, beaten].map(({ before }) => before),
      ['one', 'two', 'three'],
    )
  },

  'renews a lease by heartbeats, and keeps their last report': async (driver, again) => {
    await driver.claim(root('app'), 'one', { leaseMs: LONG, worker: '{"pid":1}' })
    await driver.save(group('app', [row('app', 0)]))
    const first = (await claimOf(again))?.leaseUntil ?? 0

    const ends = [await driver.beat(root('app'), 'one', 2 * LONG, '{"a":1}')]
    const reported = await claimOf(again)
    ends.push(await driver.beat(root('app'), 'one', 3 * LONG, null))
    const kept = await claimOf(again)
    await driver.beat(root('app'), 'one', 2 * LONG, '{"b":2}')
    const replaced = await claimOf(again)

    assertSame('longer', [first < (ends[0] ?? 0), (ends[0] ?? 0) < (ends[1] ?? 0)], [true, true])
    assertSame('ends', [reported?.leaseUntil, kept?.leaseUntil], ends)
    assertSame(
      'reports',
      [reported?.beat?.data, kept?.beat, replaced?.beat?.data],
      ['{"a":1}', reported?.beat, '{"b":2}'],
    )
    const time = (reported?.leaseUntil ?? 0) - 2 * LONG
    assertSame('its time', Math.abs((reported?.beat?.at ?? 0) - time) < 1000, true)
    assertSame('its runner', [replaced?.writer, replaced?.worker], ['one', '{"pid":1}'])

    await again.claim(root('app'), 'two', { leaseMs: LONG })
    const now = await claimOf(driver)
    assertSame('a new claim', [now?.beat, now?.worker], [undefined, undefined])
    const late = () => driver.beat(root('app'), 'one', 9 * LONG, '{"c":3}')
    const refusal = await assertThrows('a runner that lost it', late, isFault('taken-over'))
    assertSame('writers', refusal.writers, ['one', 'two'])
    await assertThrows('an unclaimed root', () => driver.beat(root('none'), 'one', LONG, null), isFault('taken-over'))
    assertSame('unchanged', await claimOf(driver), now)
  },

  'renews a lease with a save, ends it, or leaves it': async (driver, again) => {
    await driver.claim(root('app'), 'one', { leaseMs: LONG })
    await driver.save(group('app', [row('app', 0)], live))
    const until = async () => (await claimOf(again))?.leaseUntil ?? 0
    const first = await until()

    await driver.save(group('app', [row('app', 1)]))
    const same = await until()
    await driver.save(group('app', [row('app', 2)], { leaseMs: 2 * LONG }))
    const renewed = await until()
    await driver.save(group('app', [], { leaseMs: 3 * LONG }))
    const again2 = await until()
    await driver.save(group('app', [row('app', 3)], { leaseMs: 0 }))

    assertSame('ends', [same === first, renewed > first, again2 > renewed, await until()], [true, true, true, 0])
  },

  'wakes a running root when its lease is over, whatever renews it': async (driver, again) => {
    await driver.claim(root('app'), 'one', { leaseMs: LONG })
    const seen = async (): Promise<boolean> => {
      const run = await again.find(root('app'))
      const until = run?.claim?.leaseUntil
      const due = await again.due({ before: until ?? 0, limit: 9 })
      const early = await again.due({ before: (until ?? 0) - 1, limit: 9 })
      return run?.wakeAt === until && !run?.expired && due.length === 1 && early.length === 0
    }
    await driver.save(group('app', [row('app', 0)], live))
    const follows = [await seen()]
    await driver.beat(root('app'), 'one', 2 * LONG, null)
    follows.push(await seen())
    await driver.save(group('app', [row('app', 1)], { leaseMs: 3 * LONG }))
    follows.push(await seen())
    await driver.save(group('app', [], { ...live, leaseMs: 4 * LONG }))
    follows.push(await seen())
    await again.claim(root('app'), 'two', { leaseMs: 5 * LONG })
    follows.push(await seen())
    assertSame('follows', follows, [true, true, true, true, true])

    await again.save(group('app', [], { writer: 'two', summaries: [summary('app', { status: 'waiting', wake: 7 })] }))
    await again.beat(root('app'), 'two', 6 * LONG, null)
    assertSame('a time of its own', (await driver.find(root('app')))?.wakeAt, 7)
    await again.save(group('app', [], { writer: 'two', summaries: [summary('app', { status: 'finished' })] }))
    await driver.claim(root('app'), 'one', { leaseMs: LONG })
    assertSame('never', (await driver.find(root('app')))?.wakeAt, null)
  },

  'counts runs whose lease is over as interrupted': async (driver, again) => {
    const lease = { wake: 'lease', name: 'mail', labels: { customer: '7' } } as const
    await begin(driver, 'lost', lease)
    await begin(driver, 'retried', { ...lease, status: 'retrying', retrying: 1 })
    await begin(driver, 'stopped', { status: 'interrupted' })
    await begin(driver, 'alone', { status: 'running', wake: null })
    await driver.claim(root('lost'), 'one', { leaseMs: SHORT })
    await driver.claim(root('retried'), 'one', { leaseMs: SHORT })
    await begin(driver, 'live', lease)
    await driver.claim(root('live'), 'one', { leaseMs: LONG })
    for (const id of ['lost', 'retried']) await untilExpired(again, root(id))

    const expired = await Promise.all(
      ['lost', 'retried', 'stopped', 'alone', 'live'].map(async (id) => (await again.find(root(id)))?.expired),
    )
    assertSame('expired', expired, [true, true, false, false, false])
    const lists = await Promise.all(
      [
        { status: ['interrupted'] },
        { status: ['running'] },
        { status: ['retrying'] },
        { status: ['running', 'interrupted'], name: 'mail' },
        { status: ['interrupted'], labels: { customer: '7' }, partitionKey: null },
        { status: ['interrupted'], retrying: true },
      ].map((query) => again.list({ ...(query as { status: ['running'] }), limit: 9 })),
    )
    assertSame(
      'lists',
      lists.map((runs) => [...rootIds(runs)].sort()),
      [
        ['lost', 'retried', 'stopped'],
        ['alone', 'live'],
        [],
        ['live', 'lost', 'retried'],
        ['lost', 'retried'],
        ['retried'],
      ],
    )
    assertSame('counts', await again.count({}, 9), { interrupted: 3, running: 2 })
    assertSame('named', await again.count({ name: 'mail' }, 9), { interrupted: 2, running: 1 })
    assertSame('due', [...rootIds(await again.due({ limit: 9 }))].sort(), ['lost', 'retried'])

    await driver.beat(root('lost'), 'one', LONG, null)
    assertSame('renewed', (await again.find(root('lost')))?.expired, false)
    assertSame('counts again', await again.count({}, 9), { interrupted: 2, running: 3 })
  },
}
