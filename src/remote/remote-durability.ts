import { ownValue } from '../internal/guards.js'
import type { CancelCause } from '../lifecycle/events.js'
import { isFinal } from '../lifecycle/final.js'
import type { MapJournal } from '../persistence/app-journal.js'
import type { CommittingStep } from '../persistence/committing.js'
import type { StoredMessage } from '../persistence/replay.js'
import type { BranchSetup } from '../runtime/map/branch-maker.js'
import type { State } from '../state/freeze.js'
import { stateOf } from './crossing.js'
import type { CheckpointData, UpFrame } from './frames.js'
import type { MailData, StoreData } from './journal-ops.js'
import { OwnerJournals, type StoredBranch } from './owner-journals.js'
import { checkpointOf } from './start-frame.js'
import type { Submission } from './submission.js'

// Owns: what the owner of a stored branch that runs elsewhere does for its journals.
// Does not own: the calls of its worker (owner-journals.ts), its end (remote-end.ts).

/** A branch that is stored. */
interface DurableBranch {
  readonly startedAt: number | undefined
  readonly deadlineAt: number | undefined
  readonly cancelledAt: number | undefined
  readonly cancelCause: CancelCause | undefined
  readonly checkpoint: CheckpointData
  /** It has come to a further checkpoint. */
  moved(checkpoint: CheckpointData, visits: readonly number[]): void
}

/** Where a branch is in the store: to be delivered, or at its end. */
export interface FoundBranch {
  readonly ended: { readonly recovered: boolean } | undefined
}

export class RemoteDurability implements StoredBranch {
  readonly journals: OwnerJournals
  readonly #branch: DurableBranch
  readonly #setup: BranchSetup
  readonly #submission: Submission

  constructor(journal: MapJournal, branch: DurableBranch, setup: BranchSetup, submission: Submission) {
    this.#branch = branch
    this.#setup = setup
    this.#submission = submission
    this.journals = new OwnerJournals(journal, this)
  }

  get startedAt(): number | undefined {
    return this.#branch.startedAt
  }
  get deadlineAt(): number | undefined {
    return this.#branch.deadlineAt
  }
  get cancelledAt(): number | undefined {
    return this.#branch.cancelledAt
  }
  get isCancelledForGood(): boolean {
    const { cancelCause } = this.#branch
    return cancelCause !== undefined && isFinal(cancelCause)
  }
  get logger(): StoredBranch['logger'] {
    return this.#setup.system.logger
  }

  stateOf(state: State): State {
    return stateOf(this.#setup.plan, state)
  }

  committed({ state, action, next, sequenceId, visits }: CommittingStep, mail: MailData | undefined): void {
    if (mail !== undefined) this.#submission.committed(mail.n, mail.left)
    const counts = visits()
    const all = this.#setup.plan.graph.list.map(({ name }) => ownValue(counts, name) ?? 0)
    this.#branch.moved({ state, position: action, next, sequenceId }, all)
  }

  posted(app: number, message: StoredMessage): void {
    this.#submission.send({ type: 'posted', app, message })
  }

  /** A worker that asks for what is not its own is ended. */
  notice({ app, notice }: Extract<UpFrame, { readonly type: 'journal' }>): void {
    try {
      this.journals.notice(app, notice)
    } catch (error) {
      this.#submission.refuse(error)
    }
  }

  data(): StoreData {
    return this.journals.data()
  }

  /** Looks where the branch is, after its worker was lost. @throws {PersistenceError} when it cannot be read */
  async find(): Promise<FoundBranch> {
    const stored = await this.journals.reload()
    if (stored?.hasState === true && stored.sequenceId > this.#branch.checkpoint.sequenceId) {
      const { checkpoint, visits } = checkpointOf(this.#setup.plan, stored, this.#branch.checkpoint.state)
      this.#branch.moved(checkpoint, visits)
    }
    return { ended: stored?.end === undefined ? undefined : { recovered: stored.recovered } }
  }
}
