import { holdState } from '../codec/held.js'
import type { State } from '../state/freeze.js'
import { type CommittingStep, type DraftRow, fullFacts, patchFacts } from './committing.js'
import { labelOf } from './labels.js'
import { type AppFacts, fullData, type Notes, patchData, type RowContent } from './record.js'
import type { StoredRecord } from './replay.js'

// Owns: the last stored state of an application, and the row of a step: a whole state, or a patch over the last one.
// Does not own: the place of the row (journal.ts), its form (record.ts).
// D1  One row per step. A whole state is written when the patches since the last one outweigh it.

/** The row of a step, and a function to call when it is saved. */
interface StepRow {
  readonly draft: DraftRow
  readonly saved: (epoch: number) => void
}

/** Decides whether a row holds the whole state or a patch. */
export class Deltas {
  /** The last stored state, held; undefined if it is unknown. */
  held: State | undefined
  sequenceId: number
  epoch = 0
  #whole = true
  #fullBytes = 0
  #patchBytes = 0

  constructor(sequenceId: number) {
    this.sequenceId = sequenceId
  }

  /**
   * The row of a step.
   * @param state its state, without transient keys
   * @param cancelled the final cancel that came before its commit
   * @param app computes the facts of the application, for a whole state
   */
  rowOf(
    step: CommittingStep,
    state: State,
    cancelled: Notes['cancelled'] | undefined,
    oneWay: ReadonlySet<string>,
    app: () => AppFacts,
  ): StepRow {
    const { sequenceId, loose } = step
    const full = this.#isFullNext(sequenceId)
    const content = full
      ? fullData(state, fullFacts(step, cancelled), app(), loose)
      : patchData(this.held ?? {}, state, patchFacts(step, cancelled), oneWay, loose)
    const label = labelOf(step.action)
    const draft = { kind: full ? 'full' : 'patch', label, sequenceId, data: content.data } as const
    return { draft, saved: (epoch) => this.saved(content, sequenceId, epoch, full) }
  }

  #isFullNext(sequenceId: number): boolean {
    const skipped = sequenceId !== this.sequenceId + 1
    return this.#whole || this.held === undefined || skipped || this.#patchBytes > this.#fullBytes
  }

  /** Called when a row is saved. */
  saved({ data, held }: RowContent, sequenceId: number, epoch: number, full: boolean): void {
    this.held = held
    this.sequenceId = sequenceId
    this.epoch = epoch
    this.#whole = false
    this.#fullBytes = full ? data.length : this.#fullBytes
    this.#patchBytes = full ? 0 : this.#patchBytes + data.length
  }

  /** Continues from a stored record. The next row is a full one. */
  adopt({
    state,
    sequenceId,
    epoch,
    hasState,
  }: Pick<StoredRecord, 'state' | 'sequenceId' | 'epoch' | 'hasState'>): void {
    this.held = hasState ? holdState({}, state) : undefined
    this.sequenceId = sequenceId
    this.epoch = epoch
    this.#whole = true
  }
}
