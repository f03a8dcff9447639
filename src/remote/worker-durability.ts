import type { Clock } from '../internal/clock.js'
import type { StoredMessage } from '../persistence/replay.js'
import type { StartFrame } from './frames.js'
import type { MailData, StoreData } from './journal-ops.js'
import { WorkerJournal } from './worker-journal.js'
import { type JournalLink, WorkerWatch, workerScope } from './worker-store.js'
import { idOf } from './worker-system.js'

/** The durability of a branch in a worker: its journal, and messages from the store. */
export class WorkerDurability {
  readonly journal: WorkerJournal
  readonly #watch: WorkerWatch

  /** @param mail the messages that the branch has seen */
  constructor(start: StartFrame, data: StoreData, clock: Clock, link: JournalLink, mail: () => MailData) {
    const { parentPath, map, visit, key, resume, state } = start
    const { epoch, oneWay, parentRef, replacing, retryFailuresBefore, inbox } = data
    this.#watch = new WorkerWatch(clock, data.inboxPollMs, link)
    const path = [...parentPath.map((one) => [one.map, one.visit, one.key] as const), [map, visit, key] as const]
    const stored = data.stored && { ...data.stored, state: resume?.checkpoint.state ?? state }
    const setup = { appId: idOf(start), epoch, oneWay, parentRef, replacing, retryFailuresBefore, inbox, stored }
    const scope = workerScope(data, clock, link, this.#watch)
    const sequenceId = resume?.checkpoint.sequenceId ?? -1
    this.journal = new WorkerJournal(scope, link, { next: 1 }, { number: 0, path, mail }, { ...setup, sequenceId })
  }

  /** A message from the store has arrived. */
  posted(app: number, message: StoredMessage): void {
    this.#watch.posted(app, message)
  }
}
