import type { CancelAnswer } from '../action/message.js'
import { tryGet } from '../internal/guards.js'
import type { Addressed, PersisterDriver, RootKey } from './driver.js'
import { closedDrivers } from './inbox-watch.js'
import { readMessage } from './replay.js'
import { contentOf, isPart, RUN_KIND, type RunPart } from './request-form.js'
import type { StoredMessage } from './stored-record.js'

// Owns: requests of other processes to cancel a run, or a part of it, and how the holder of the run obeys.
// Does not own: their form (request-form.ts), when a process looks for them (lease.ts, inbox-watch.ts,
// journal-status.ts), what a cancel does (runtime/cancel).
// Q1  A request stays stored until the run has ended, or its part has: it outlives a process that dies meanwhile.
// Q2  A request is about the run that went on when it came. One that has ended since, or began again at an earlier step,
//     is not cancelled by it.
// Q3  A request for a part that is not there yet, or that could not be obeyed, is tried again at each look: its map may
//     come after a resume.

/** The reason of a stored request to cancel a whole run; undefined if there is none. */
export function runRequestIn(rootId: string, inbox: readonly Addressed[]): { readonly reason: unknown } | undefined {
  for (const posted of inbox) {
    if (posted.appId !== rootId || !posted.data.includes(RUN_KIND)) continue
    const message = readMessage(rootId, posted)
    if (message.kind === RUN_KIND) return { reason: message.body }
  }
  return undefined
}

/** The settings of the store of a root. */
type RootStore = RootKey & { readonly driver: PersisterDriver }

/** The requests to the run of one root, in the process that holds it. */
export class RunRequests {
  /** Cancels the run, or a part of it. Undefined where nothing of it lives in this process. */
  cancel: ((part: RunPart, reason: unknown) => Promise<CancelAnswer>) | undefined
  readonly #store: RootStore
  /** Requests that are obeyed, or are past. */
  readonly #begun = new Set<number>()
  /** Requests whose run goes on. */
  readonly #open = new Set<number>()
  #past: readonly number[] = []

  constructor(store: RootStore) {
    this.#store = store
  }

  /** Looks into the store, and obeys. @throws {PersistenceError} when the store is unavailable */
  async look(): Promise<void> {
    const { driver } = this.#store
    if (closedDrivers.has(driver)) return
    this.found(await driver.inbox(this.#store))
  }

  /** Obeys the requests among stored messages. */
  found(inbox: readonly Addressed[]): void {
    const { rootId } = this.#store
    for (const posted of inbox) {
      if (posted.appId !== rootId || this.#begun.has(posted.id) || !posted.data.includes(RUN_KIND)) continue
      const message = tryGet(() => readMessage(rootId, posted)) // a damaged one is reported where the inbox is read
      if (message !== undefined) this.#begin(message)
    }
  }

  /** Obeys the requests among messages. */
  begin(messages: readonly StoredMessage[]): void {
    for (const message of messages) if (!this.#begun.has(message.id)) this.#begin(message)
  }

  #begin(message: StoredMessage): void {
    const content = contentOf(message)
    if (content === undefined || this.cancel === undefined) return
    const { id } = message
    this.#begun.add(id)
    this.#open.add(id)
    const again = (): void => void this.#begun.delete(id) // Q3
    const obeyed = (answer: CancelAnswer): void => {
      if (!isPart(content)) return // `ended` removes it
      if (answer === 'unknown') again()
      else this.drop([message])
    }
    this.cancel(content, content.reason).then(obeyed, again)
  }

  /** The run has ended: its requests are past (Q1). */
  ended(): void {
    this.#past = [...this.#past, ...this.#open]
    this.#open.clear()
  }

  /** The run has ended, and its store does not have that: they are obeyed again (Q1). */
  reopen(): void {
    for (const id of this.#past) this.#begun.delete(id)
    this.#past = []
  }

  /** Requests that are obeyed no more (Q2). */
  drop(messages: readonly StoredMessage[]): void {
    for (const { id } of messages) {
      this.#begun.add(id)
      this.#open.delete(id)
    }
    if (messages.length > 0) this.#past = [...this.#past, ...messages.map(({ id }) => id)]
  }

  /** Ids of past requests: the next group removes them. */
  get past(): readonly number[] {
    return this.#past
  }

  /** A group has removed them. */
  removed(ids: readonly number[]): void {
    this.#past = this.#past.filter((id) => !ids.includes(id))
  }
}
