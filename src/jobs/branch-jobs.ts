import type { ExecutorDriver, Loss } from '../executor/driver.js'
import type { Registry } from '../executor/registry.js'
import { type Clock, monotonicNow } from '../internal/clock.js'
import type { Logger } from '../lifecycle/logger.js'
import { CodeMatch } from './code-match.js'
import type { EngineDriver, JobEnd, TakenJob } from './engine-driver.js'
import { HeldJob, type JobHome } from './held-job.js'
import { ALL_WORKERS, type Hello, lostItem, noticeText, readGrant, readItem, readNotice } from './items.js'
import { branchJobOf, type JobData, rootChannel } from './job-data.js'
import type { JobKind } from './job-kind.js'
import { LastOwners } from './last-owners.js'
import { type LinkEnd, Mail } from './mail.js'
import { counter, gauge } from './metrics.js'
import { watchNested } from './nesting.js'
import type { Slots } from './slots.js'

// Owns: the jobs of branches that one worker has taken, and its links to their owners.
// Does not own: one job (held-job.ts), slots, packets.
// B1  A job is asked for until its owner grants it, answers that there is nothing to do, or is silent for ASK_MS.
// B2  A branch whose owner is silent for `orphanMs` is stopped, and its job ends: only its owner could store anything of it.
// B3  A job whose code the worker lacks is left to another worker, or fails with a clear error.
// B4  A branch that waits for jobs of its own has no slot.

/** How long an owner is asked, milliseconds; again after ASK_FIRST_MS, then after twice that, and so on. */
const ASK_MS = 5_000
const ASK_FIRST_MS = 250
const ASK_MOST_MS = 2_000
/** When another worker may have a look at a job, milliseconds. */
const MISMATCH_MS = 500
const BEAT_MS = 250

const NOT_HERE: Loss = { why: 'The worker does not have its job, or has it for a later owner.', blameless: true }

export interface BranchJobsOptions {
  readonly driver: EngineDriver
  readonly registries: readonly Registry[]
  readonly place: ExecutorDriver
  readonly slots: Slots
  readonly session: string
  readonly clock: Clock
  readonly logger: Logger
  readonly orphanMs: number
  readonly mismatch: 'wait' | 'fail'
}

/** What is counted. */
export interface BranchCounts {
  granted: number
  ended: number
  lost: number
  orphaned: number
  mismatched: number
}

export class BranchJobs implements JobHome, JobKind {
  readonly kind = 'branch'
  readonly place: ExecutorDriver
  readonly slots: Slots
  readonly owners = new LastOwners()
  readonly counts: BranchCounts = { granted: 0, ended: 0, lost: 0, orphaned: 0, mismatched: 0 }
  readonly mail: Mail
  readonly #options: BranchJobsOptions
  readonly #code: CodeMatch
  readonly #held = new Map<string, HeldJob>()
  /** By link and grant. */
  readonly #running = new Map<LinkEnd, Map<number, HeldJob>>()
  readonly #hellos = new Map<string, Omit<Hello, 'worker'>[]>()
  readonly #refused = new Set<string>()
  readonly #unwatch: () => void
  #takes = 0
  #beat: unknown
  #stop: (() => Promise<void>) | undefined
  #isDraining = false

  constructor(options: BranchJobsOptions) {
    const { driver, session, clock, registries, place, slots } = options
    this.#options = options
    this.place = place
    this.slots = slots
    this.#code = new CodeMatch(registries)
    this.#unwatch = watchNested((root, waits) => this.#nested(root, waits))
    this.mail = new Mail(
      { channel: `w/${session}`, driver, clock, linkId: undefined },
      {
        received: (end, line) => this.#received(end, line),
        broken: (end) => this.#broken(end),
        text: (text) => this.#noticed(text),
      },
    )
  }

  get size(): number {
    return this.#held.size
  }

  /** Begins to listen. */
  async open(): Promise<void> {
    await this.mail.open()
    this.#stop = await this.#options.driver.listen(ALL_WORKERS, (text) => this.#noticed(text))
  }

  #now(): number {
    return monotonicNow(this.#options.clock)
  }

  /** Takes a job. Resolves when it has ended, and never rejects. */
  async run(job: TakenJob, data: JobData): Promise<JobEnd> {
    const branch = branchJobOf(data)
    if (branch === undefined || this.#isDraining || this.#isMismatch(branch.code)) return { againInMs: MISMATCH_MS }
    const before = this.#held.get(job.id)
    before?.interrupt({ why: 'Its worker has lost its job, and was given it again.' })
    before?.finish(undefined)
    const held = new HeldJob(job, branch, this)
    this.#held.set(job.id, held)
    if (job.signal.aborted) held.finish(undefined)
    else this.ask(held)
    return held.done
  }

  /** B3 */
  #isMismatch(code: Parameters<CodeMatch['has']>[0]): boolean {
    if (this.#code.has(code)) return false
    this.counts.mismatched += 1
    const { mismatch, logger } = this.#options
    if (mismatch === 'fail') return false
    const name = `"${code.name}" of the registry "${code.registry}"`
    if (!this.#refused.has(name))
      logger.warn(`This worker lacks ${name}, or has other code under its name. It leaves such jobs to others.`)
    this.#refused.add(name)
    return true
  }

  /** B4 @param root the id of a branch here, or the end of it */
  #nested(root: string, waits: boolean): void {
    const known = this.#held.get(root)
    if (known !== undefined) return this.slots.block(known, waits)
    for (const job of this.#held.values()) if (job.id.endsWith(`/${root}`)) this.slots.block(job, waits)
  }

  nextTake(): number {
    this.#takes += 1
    return this.#takes
  }

  moduleOf(code: Parameters<CodeMatch['moduleOf']>[0]): string | undefined {
    return this.#code.moduleOf(code)
  }

  ask(job: HeldJob): void {
    const now = this.#now()
    job.askMs = ASK_FIRST_MS
    job.askAt = now + job.askMs
    job.askUntil = now + ASK_MS
    this.#hello(job)
    this.#arm()
  }

  #hello({ id, take, root, data: { owner } }: HeldJob): void {
    const one = { id, take, owner }
    const known = this.#hellos.get(root)
    if (known !== undefined) return void known.push(one)
    const jobs = [one]
    this.#hellos.set(root, jobs)
    queueMicrotask(() => {
      this.#hellos.delete(root)
      this.mail.publish(rootChannel(root), noticeText({ type: 'hello', from: this.mail.channel, jobs }))
    })
  }

  #arm(): void {
    this.#beat ??= this.#options.clock.setTimeout(() => {
      this.#beat = undefined
      this.#look()
    }, BEAT_MS)
  }

  #look(): void {
    const now = this.#now()
    for (const job of [...this.#held.values()]) if (job.status === 'asking') this.#askAgain(job, now)
    const { orphanMs } = this.#options
    for (const end of [...this.mail.ends])
      if (end.link.live > 0 && now - end.link.heardAt >= orphanMs) this.#orphaned(end)
    if (this.#held.size > 0) this.#arm()
  }

  /** B1 */
  #askAgain(job: HeldJob, now: number): void {
    if (now >= job.askUntil) return job.finish(undefined)
    if (now < job.askAt) return
    job.askMs = Math.min(job.askMs * 2, ASK_MOST_MS)
    job.askAt = now + job.askMs
    this.#hello(job)
  }

  /** B2 */
  #orphaned(end: LinkEnd): void {
    this.counts.orphaned += end.link.live
    this.mail.drop(end)
    this.#broken(end)
  }

  #broken(end: LinkEnd): void {
    const jobs = [...(this.#running.get(end)?.values() ?? [])]
    this.#running.delete(end)
    for (const job of jobs) if (job.end === end) job.finish(undefined)
  }

  #received(end: LinkEnd, line: string): void {
    const item = readItem(line)
    const { word, grant } = item
    if (word !== 'run') return this.#running.get(end)?.get(grant)?.receive(end, item)
    const given = readGrant(item.rest)
    const job = this.#held.get(given.id)
    if (job?.run(end, grant, given) !== true) return end.put(lostItem(grant, NOT_HERE))
    this.counts.granted += 1
    const grants = this.#running.get(end) ?? new Map<number, HeldJob>()
    this.#running.set(end, grants.set(grant, job))
  }

  #noticed(text: string): void {
    const notice = readNotice(text)
    if (notice?.type === 'gone') {
      const job = this.#held.get(notice.id)
      if (job?.status === 'asking' && job.take === notice.take) job.finish(undefined)
    } else if (notice?.type === 'bye') this.#left(notice.owner)
    else if (notice?.type === 'who') for (const id of notice.ids) this.#sought(id, notice.root)
  }

  /** An owner has closed. One that has taken over its root would have answered. */
  #left(owner: string): void {
    for (const job of [...this.#held.values()])
      if (job.status === 'asking' && job.data.owner === owner) job.finish(undefined)
  }

  /** An owner looks for the worker that has a job. */
  #sought(id: string, root: string): void {
    const job = this.#held.get(id)
    if (job === undefined) return
    job.root = root
    this.#hello(job)
  }

  lost(_loss: Loss): void {
    this.counts.lost += 1
  }

  left(end: LinkEnd, grant: number): void {
    const grants = this.#running.get(end)
    grants?.delete(grant)
    if (grants?.size === 0) this.#running.delete(end)
  }

  ended(job: HeldJob): void {
    this.counts.ended += 1
    if (this.#held.get(job.id) === job) this.#held.delete(job.id)
  }

  /** Takes no more jobs. Gives back those that have not begun, and those that wait. */
  async beginDrain(): Promise<void> {
    this.#isDraining = true
    await this.#giveBack([...this.#held.values()].filter((job) => job.status === 'asking' || job.isPaused))
  }

  /** Gives back all jobs. */
  async giveBack(): Promise<void> {
    await this.#giveBack([...this.#held.values()])
  }

  /** Another worker gets them after their owners have heard of it, as far as they answer. */
  async #giveBack(jobs: readonly HeldJob[]): Promise<void> {
    for (const job of jobs) job.interrupt({ why: 'Its worker was shut down.', blameless: true })
    await this.mail.settled()
    for (const job of jobs) job.finish({ againInMs: 0 })
  }

  metrics(): readonly string[] {
    const { granted, ended, lost, orphaned, mismatched } = this.counts
    let resent = 0
    for (const { link } of this.mail.ends) resent += link.resent
    return [
      ...counter('teasel_branches_granted_total', 'Branches that owners have granted.', granted),
      ...counter('teasel_branches_ended_total', 'Jobs of branches that were left.', ended),
      ...counter('teasel_branches_lost_total', 'Branches that were lost while they ran here.', lost),
      ...counter('teasel_branches_orphaned_total', 'Branches whose owner was silent for too long.', orphaned),
      ...counter('teasel_branches_mismatched_total', 'Jobs whose code is not here.', mismatched),
      ...gauge('teasel_owners', 'Owners that the worker has a link to.', this.mail.size),
      ...counter('teasel_packets_sent_total', 'Texts that were sent.', this.mail.packets),
      ...gauge('teasel_packets_resent', 'Packets that were sent again on links that live.', resent),
    ]
  }

  async close(): Promise<void> {
    this.#options.clock.clearTimeout(this.#beat)
    this.#unwatch()
    await this.mail.close()
    await this.#stop?.().catch(() => {})
    await this.place.close()
  }
}
