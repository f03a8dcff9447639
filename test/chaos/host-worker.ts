import { createInterface } from 'node:readline'
import { systemClock } from 'teasel'
import { createHost } from 'teasel/host'
import { createPersister, PersistenceError, type Persister } from 'teasel/persistence'
import { overDriver } from '../support/over-driver.js'
import { randomOf } from './draw.js'
import { graphs, type HostLine, type Kind, startOf, tellTo } from './host-work.js'
import { openStore } from './open-store.js'

// One host among several on a store, in a process of its own: it starts what its parent writes to it, and is killed by
// its parent, or kills itself before or after a write.

/** The settings of a host, from its parent. */
export interface HostSettings {
  readonly place: string
  readonly leaseMs: number
  readonly pollMs: number
  readonly seed: number
  /** The number of the write at which it kills itself; 0: none. */
  readonly killAt: number
  readonly killAfter: boolean
  /** Difference of its own clock to that of the machine, and of the machine to the true one, in milliseconds. */
  readonly shiftMs: number
  readonly jumpMs: number
}

const { place, leaseMs, pollMs, seed, killAt, killAfter, shiftMs, jumpMs } = JSON.parse(
  process.env['CHAOS_HOST'] ?? '',
) as HostSettings
const log = process.env['CHAOS_LOG'] ?? ''
const random = randomOf(seed)

// The wall clock of the machine: the parent sets it for all processes.
const trueNow = Date.now
let jump = jumpMs
Date.now = () => trueNow() + jump
// This host is a little off, and is set now and then.
let shift = shiftMs
const set = (): void => {
  if (random() < 0.05) shift = Math.round((random() - 0.5) * 3_000)
}
if (shift !== 0) setInterval(set, 50).unref()
const clock = { ...systemClock, now: () => Date.now() + shift }

const die = (): boolean => process.kill(process.pid, 'SIGKILL')
let writes = 0
/** Counts the writes, and dies before or after one of them. */
function border<T>(write: () => T): T {
  writes += 1
  if (writes !== killAt) return write()
  if (!killAfter) die()
  const written = write()
  if (written instanceof Promise) written.then(die, die)
  else die()
  return written
}

/** Logs its claims. */
function told(at: string): Persister {
  const { driver } = openStore(at)
  const own = overDriver(driver, {
    claim: (root, writer, how) =>
      border(async () => {
        const claim = await driver.claim(root, writer, how)
        const line: HostLine = { is: 'claim', pid: process.pid, run: root.rootId, incarnation: claim.incarnation }
        tellTo(log, line)
        return claim
      }),
    save: (group) => border(() => driver.save(group)),
  })
  return createPersister(own)
}

const persister = told(place)
const warn = (text: string, error?: unknown): void => console.error(process.pid, text, error)
const silent = (): void => {}
const host = createHost({
  persister,
  graphs,
  concurrency: 8,
  leaseMs,
  pollMs,
  clock,
  maxCrashes: 1_000,
  logger: { debug: silent, info: silent, warn: silent, error: warn },
})

async function start(kind: Kind, id: string): Promise<void> {
  try {
    await host.start(kind, { appId: id, state: startOf(id), labels: { kind } })
    console.log(`started ${id}`)
  } catch (error) {
    console.log(`unstored ${id}`)
    if (!PersistenceError.is(error) && host.health().status === 'ok') warn(`${id} cannot be started`, error)
  }
}

const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => {
  const [order, first = '', second = ''] = line.split(' ')
  if (order === 'start') void start(first as Kind, second)
  if (order === 'jump') jump = Number(first)
})
lines.on('close', () => process.exit(0)) // its parent has died

process.on('SIGTERM', () => {
  void host.drain().then((left) => {
    for (const { runId } of left) console.log(`late ${runId}`)
    process.exit(0)
  })
})
console.log('ready')
for await (const event of host.events()) {
  if (event.type === 'released' && (event.status === 'failed' || event.status === 'lost'))
    console.log(`${event.status} ${event.run.runId} ${String(event.error)}`)
  if (event.type === 'refused') console.log(`refused ${event.run.runId} ${String(event.error)}`)
}
