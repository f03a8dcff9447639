import type { Loss, SubmittedTask, TaskData, TaskOwner } from '../executor/driver.js'
import { createDeferred, type Deferred } from '../internal/deferred.js'
import { grantText, itemOf } from './items.js'
import type { LinkEnd } from './mail.js'

// Owns: one task of an executor over jobs: whether a worker has it, and texts that came before.
// T1  Texts leave in their order, after the grant.
// T2  Its owner hears of its loss once, and not within a call of its own.

/** An executor, as its tasks use it. */
export interface TaskHome {
  /** The task is over without having been granted: its job has no use. */
  unused(task: OwnedTask): void
  /** It has no use for its grant any more. */
  released(task: OwnedTask): void
  /** It was to be killed: its worker has to answer in time. */
  killing(task: OwnedTask, why: string): void
}

/** A worker that has taken the job of a task. */
export interface Taker {
  readonly worker: string
  readonly take: number
}

export class OwnedTask implements SubmittedTask {
  readonly data: TaskData
  status: 'queued' | 'granted' | 'over' = 'queued'
  /** Whether the engine has its job, or is being given it. */
  job: 'none' | 'adding' | 'added' = 'none'
  /** How often in a row the engine did not say what was expected. */
  doubts = 0
  /** Changes with each change of its status. */
  version = 0
  grant = 0
  end: LinkEnd | undefined
  taker: Taker | undefined
  /** Its worker has taken its job once more; why follows on the link. */
  asking: Taker | undefined
  /** The takers that were granted it, or it was lost from. */
  readonly past: Set<string>
  readonly #owner: TaskOwner
  readonly #home: TaskHome
  #early: string[] = []
  #slot: Deferred<void> | undefined
  #paused = false

  constructor(data: TaskData, owner: TaskOwner, home: TaskHome, past: Set<string>) {
    this.data = data
    this.#owner = owner
    this.#home = home
    this.past = past
  }

  get id(): string {
    return this.data.id
  }

  /** A worker gets it. */
  bind(taker: Taker, end: LinkEnd, grant: number): void {
    this.status = 'granted'
    this.version += 1
    this.doubts = 0
    this.taker = taker
    this.past.add(keyOf(taker))
    this.end = end
    this.grant = grant
    const { id, delivery, path, maxFrameBytes, incarnation, start } = this.data
    const facts = { id, delivery, path, maxFrameBytes, incarnation, start }
    end.put(itemOf('run', grant, grantText({ ...facts, take: taker.take })))
    for (const text of this.#early.splice(0)) end.put(itemOf('text', grant, text)) // T1
  }

  receive(text: string): void {
    this.#owner.receive(text)
  }

  resumed(): void {
    this.#slot?.resolve()
    this.#slot = undefined
  }

  /** T2 */
  lose(loss: Loss): void {
    this.#over()
    queueMicrotask(() => this.#owner.lost(loss))
  }

  #over(): void {
    this.status = 'over'
    this.version += 1
    this.#early = []
    this.resumed()
  }

  send(text: string): void {
    if (this.status === 'queued') this.#early.push(text)
    else if (this.status === 'granted') this.end?.put(itemOf('text', this.grant, text))
  }

  withdraw(): void {
    if (this.status !== 'queued') return
    this.lose({ why: 'It was cancelled before it began.', again: false })
    this.#home.unused(this)
  }

  pause(): void {
    if (this.status !== 'granted' || this.#paused) return
    this.#paused = true
    this.end?.put(itemOf('pause', this.grant))
  }

  resume(): Promise<void> | undefined {
    if (this.status !== 'granted' || !this.#paused) return this.#slot?.promise
    this.#paused = false
    this.#slot = createDeferred()
    this.end?.put(itemOf('resume', this.grant))
    return this.#slot.promise
  }

  kill(why: string): void {
    if (this.status === 'queued') {
      this.lose({ why })
      this.#home.unused(this)
    } else if (this.status === 'granted') {
      this.end?.put(itemOf('kill', this.grant, JSON.stringify(why)))
      this.#home.killing(this, why)
    }
  }

  retire(): void {
    if (this.status === 'granted') this.end?.put(itemOf('retire', this.grant))
  }

  release(): void {
    if (this.status === 'over') return
    const before = this.status
    this.#over()
    if (before === 'queued') this.#home.unused(this)
    else this.#home.released(this)
  }
}

export const keyOf = ({ worker, take }: Taker): string => `${worker}#${take}`
