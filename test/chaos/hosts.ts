import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { resumeOrCreate } from 'teasel'
import { createPersister, PersistenceError, type Persister, sendStored } from 'teasel/persistence'
import { overDriver } from '../support/over-driver.js'
import { quiet } from '../support/quiet-logger.js'
import { type Bug, bundleWorker } from '../tools/bundle-worker.js'
import { randomOf } from './draw.js'
import { type HostCounts, HostJudge } from './host-judge.js'
import { HostProcess } from './host-process.js'
import { answer, bare, graphs, type Kind, startOf, tellTo } from './host-work.js'
import type { HostSettings } from './host-worker.js'
import { openStore } from './open-store.js'
import { dropStore } from './store.js'

// Two or three hosts on one store share runs, and are killed, drained and stopped in turn.

/** What is done to hosts. */
export interface HostTrial {
  readonly kills: number
  readonly seed: number
  /** The URL of a server of PostgreSQL or Redis. Default: a file of SQLite. */
  readonly server?: string | undefined
  /** Puts a bug into the engine. */
  readonly control?: boolean | undefined
  /** Number of runs that are open at a time. */
  readonly open?: number
  readonly say: (text: string) => void
}

/** The counts of a trial, and how many runs there were. */
export interface HostResult extends HostCounts {
  readonly runs: number
  readonly found: boolean
  readonly tally: string
}

/** All runners have the same id, so that no store tells them apart: nothing fences a process that was stopped. */
const BUG: Bug = { file: 'persistence/settings.ts', from: 'const writer = createId()', to: "const writer = 'same'" }
const LEASE_MS = 400
const POLL_MS = 50
const TICK_MS = 60
/** Time without a kill in which every run must end. */
const PATIENCE_MS = 20_000

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
const trueNow = Date.now

class Trial {
  readonly #trial: HostTrial
  readonly #random: () => number
  readonly #place: string
  readonly #log: string
  readonly #worker: string
  readonly #persister: Persister
  readonly judge: HostJudge
  readonly #hosts = new Set<HostProcess>()
  readonly runs = new Map<string, Kind>()
  readonly #open = new Set<string>()
  /** Answers by run, and the questions that were answered. */
  readonly #answers = new Map<string, string>()
  readonly #answered = new Set<string>()
  #jump = 0
  #wanted = 2

  constructor(trial: HostTrial, place: string, log: string, worker: string) {
    this.#trial = trial
    this.#random = randomOf(trial.seed)
    this.#place = place
    this.#log = log
    this.#worker = worker
    this.judge = new HostJudge(place, log, trial.say)
    const { driver } = openStore(place)
    const claiming = overDriver(driver, {
      claim: async (root, writer, how) => {
        const claim = await driver.claim(root, writer, how)
        tellTo(log, { is: 'claim', pid: process.pid, run: root.rootId, incarnation: claim.incarnation })
        return claim
      },
    })
    this.#persister = createPersister(claiming)
  }

  #below(end: number): number {
    return Math.floor(this.#random() * end)
  }

  /** A host until its process ends; another one then takes its place. */
  #spawn(): void {
    const kills = this.judge.counted.kills < this.#trial.kills
    const settings: HostSettings = {
      place: this.#place,
      leaseMs: LEASE_MS,
      pollMs: POLL_MS,
      seed: this.#below(1e9),
      killAt: kills && this.#random() < 0.4 ? 1 + this.#below(60) : 0,
      killAfter: this.#random() < 0.5,
      shiftMs: this.#random() < 0.3 ? this.#below(3_000) - 1_500 : 0,
      jumpMs: this.#jump,
    }
    const again = (kind: Kind, id: string): void => this.#start(kind, id)
    const host = new HostProcess(this.#worker, this.#log, settings, again)
    this.#hosts.add(host)
    void host.ended.then(({ code, signal }) => {
      this.#hosts.delete(host)
      if (signal === 'SIGKILL') this.judge.counted.kills += 1
      else if (signal === 'SIGTERM' && !host.isReady)
        return // it had not begun
      else if (code !== 0) this.#fault(`A host ended with ${code ?? signal}: ${host.errors.join('')}`)
      else this.judge.counted.drains += 1
      for (const line of host.said) if (/^(failed|late|refused) /.test(line)) this.#fault(line)
      for (const [id, kind] of host.asked) this.#start(kind, id)
    })
  }

  #fault(text: string): void {
    this.judge.counted.wrong += 1
    this.#trial.say(text)
  }

  #start(kind: Kind, id: string): void {
    const up = [...this.#hosts].filter((host) => host.isUp)
    const host = up[this.#below(up.length)]
    if (host !== undefined && this.#random() < 0.7) return host.start(kind, id)
    void this.#store(kind, id)
  }

  /** Stores a run without a host; one finds it. */
  async #store(kind: Kind, id: string): Promise<void> {
    const options = { appId: id, name: kind, entrypoint: 'step', state: startOf(id), labels: { kind } } as const
    const stored = { ...options, persister: this.#persister, claim: 'free', logger: quiet } as const
    try {
      if ((await this.#persister.driver.find({ partitionKey: null, rootId: id })) !== undefined) return
      await using _ = await resumeOrCreate(bare[kind] as typeof bare.loop, stored)
    } catch (error) {
      const passes = PersistenceError.is(error) && (error.fault === 'held' || error.fault === 'unavailable')
      if (!passes) return this.#fault(String(error))
      await pause(100)
      await this.#store(kind, id)
    }
  }

  async #answer(): Promise<void> {
    for (const { id, runId, path } of (await this.#persister.pending({ limit: 1_000 })).items) {
      if (this.#answered.has(id)) {
        this.#fault(`${id} is asked again`)
        continue
      }
      if (this.#random() < 0.5) continue // a person takes some time
      const body = `${this.#answers.size}`
      const printed = path.map(([map, , key]) => `${map}/${key}`).join('/')
      const to = { persister: this.#persister, appId: runId, path: printed }
      if ((await sendStored({ ...to, message: answer(body) })) === 'dropped') continue
      this.#answers.set(runId, body)
      this.#answered.add(id)
    }
  }

  /** Starts runs, answers questions, and finds which runs have ended. */
  async #tend(starts: boolean): Promise<void> {
    const kinds = Object.keys(graphs) as Kind[]
    while (starts && this.#open.size < (this.#trial.open ?? 20)) {
      const kind = kinds[this.#below(kinds.length)] as Kind
      const id = `${kind}-${this.runs.size}`
      this.runs.set(id, kind)
      this.#open.add(id)
      this.#start(kind, id)
    }
    try {
      await this.#answer()
      for (const id of this.#open) {
        const stored = await this.#persister.driver.find({ partitionKey: null, rootId: id })
        const status = stored?.summary?.status
        if (status === 'finished' || status === 'failed' || status === 'cancelled') this.#open.delete(id)
      }
    } catch (error) {
      // A process that was stopped may hold the lock of the file.
      if (!PersistenceError.is(error) || error.fault !== 'unavailable') throw error
    }
  }

  /** Does something to the hosts in turn. */
  #disturb(host: HostProcess): void {
    const drawn = this.#random()
    const { counted } = this.judge
    if (drawn < 0.06) host.kill('SIGTERM')
    else if (drawn < 0.16) {
      counted.stops += 1
      host.stop(LEASE_MS * (1.5 + this.#random()))
    } else if (drawn < 0.2) {
      counted.jumps += 1
      this.#jump += this.#below(2_500) - 1_000
      for (const one of this.#hosts) one.jump(this.#jump)
    } else host.kill('SIGKILL')
  }

  async #kill(): Promise<void> {
    const { counted } = this.judge
    let turn = 0
    while (counted.kills < this.#trial.kills && !(this.#trial.control && this.judge.found)) {
      await pause(80 + this.#random() * 420)
      if (turn++ % 20 === 0) this.#wanted = this.#random() < 0.3 ? 3 : 2
      const up = [...this.#hosts].filter((host) => host.isUp)
      const host = up[turn % Math.max(1, up.length)]
      if (host !== undefined) this.#disturb(host)
    }
  }

  async run(): Promise<void> {
    Date.now = () => trueNow() + this.#jump
    await this.#persister.count() // makes the tables
    let killing = true
    const disturbed = this.#kill().finally(() => {
      killing = false
    })
    let patience = performance.now() + PATIENCE_MS
    let kills = 0
    while (killing || (this.#open.size > 0 && performance.now() < patience)) {
      if (killing) patience = performance.now() + PATIENCE_MS
      while (this.#hosts.size < this.#wanted) this.#spawn()
      await this.#tend(killing)
      if (kills !== this.judge.counted.kills) await this.judge.look()
      kills = this.judge.counted.kills
      await pause(TICK_MS)
    }
    await disturbed
    for (const id of this.#open) this.#trial.say(`${id} does not end`)
    for (const host of this.#hosts) host.kill('SIGTERM')
    await Promise.all([...this.#hosts].map((host) => host.ended))
    await pause(LEASE_MS)
    await this.judge.end(this.runs, this.#answers, this.#persister)
  }

  async close(): Promise<void> {
    Date.now = trueNow
    await this.#persister.close()
  }
}

/** Runs one trial to its end. */
export async function runHosts(trial: HostTrial): Promise<HostResult> {
  const worker = await bundleWorker('chaos', trial.control ? BUG : undefined, 'host-worker')
  const folder = mkdtempSync(join(tmpdir(), 'teasel-hosts-'))
  const { server } = trial
  const place = server === undefined ? join(folder, 'hosts.db') : `${server}#teasel_hosts_${process.pid}`
  const live = new Trial(trial, place, join(folder, 'log'), worker)
  try {
    await live.run()
  } finally {
    await live.close()
    await dropStore(place)
    rmSync(folder, { recursive: true, force: true })
  }
  const { judge, runs } = live
  return { ...judge.counted, runs: runs.size, found: judge.found, tally: judge.tally() }
}
