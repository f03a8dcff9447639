import { holdState } from '../codec/held.js'
import type { State } from '../state/freeze.js'
import type { RowContent } from './record.js'
import type { StoredRecord } from './replay.js'

// Owns: the last stored state of an application, and the choice between full and patch rows.

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

  isFullNext(sequenceId: number): boolean {
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
