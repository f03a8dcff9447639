import { holdState } from '../codec/held.js'
import type { State } from '../state/freeze.js'
import type { RowContent } from './record.js'
import type { StoredRecord } from './replay.js'

// Owns: what the last row of an application held, and when the changes since the last whole state outweigh it.

/** Decides whether a row holds the whole state or what changed. */
export class Deltas {
  /** The state as it was last stored, held; undefined where that is not known. */
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

  /** A row was saved. */
  saved({ data, held }: RowContent, sequenceId: number, epoch: number, full: boolean): void {
    this.held = held
    this.sequenceId = sequenceId
    this.epoch = epoch
    this.#whole = false
    this.#fullBytes = full ? data.length : this.#fullBytes
    this.#patchBytes = full ? 0 : this.#patchBytes + data.length
  }

  /** What is stored was read: the next row is whole. */
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
