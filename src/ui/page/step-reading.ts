import { batch, type Signal, signal } from '@preact/signals'
import type { PageOf } from '../../read/reader.js'
import type { AppNode, StepRecord } from '../../read/tree.js'
import { inTime, stepKey, type UnreadRange } from './listed-steps.js'

// Owns: the steps of one application that is open, and in which order they are read.
// W1  The newest steps, and those around one that an address names, are read before any is shown. A short application is
//     read as a whole.
// W2  The rest is read behind them, and behind all else that is on the screen, page by page from the beginning: each step
//     once, whatever the source. What a reader looks at comes before it.
// W3  What is not read has its places from the beginning, by the number of the last step. Only an epoch before the
//     present one has none until it is read.

/** Asks for steps of the application. */
type ReadPage = (query: {
  readonly from?: number | undefined
  readonly to?: number | undefined
  readonly after?: string | undefined
  readonly limit: number
}) => Promise<PageOf<StepRecord>>

/** The most that one request gives. */
const PAGE = 1000
/** Steps that are read at first. */
const NEWEST = 200
/** Steps that are read together around one that is looked at. */
const PIECE = 200

export class StepReading {
  readonly steps: Signal<readonly StepRecord[]> = signal([])
  /** Undefined when all is read. */
  readonly unread: Signal<UnreadRange | undefined> = signal(undefined)
  readonly #readPage: ReadPage
  readonly #fail: (error: unknown) => void
  readonly #known = new Map<string, StepRecord>()
  /** Grows with each beginning. */
  #turn = 0
  /** The turn whose rest is read now. */
  #readsRest: number | undefined
  /** Where the rest goes on. */
  #after: string | undefined
  /** Pieces that are looked at, the last one first in the reading. */
  #wanted: readonly number[] = []
  #readsWanted = false

  /** Whether the rest waits until the screen is drawn. */
  #isHeld: boolean

  /** @param fail gets a fault of what is read behind @param isHeld whether the rest is read from {@link release} on */
  constructor(readPage: ReadPage, fail: (error: unknown) => void, isHeld: boolean) {
    this.#readPage = readPage
    this.#fail = fail
    this.#isHeld = isHeld
  }

  /** The screen is drawn. */
  release(): void {
    this.#isHeld = false
    void this.readRest()
  }

  /** Whether a step may be there, and is not read yet. */
  isUnread({ sequenceId, epoch }: Pick<StepRecord, 'sequenceId' | 'epoch'>): boolean {
    const range = this.unread.value
    if (range === undefined || this.#known.has(stepKey({ sequenceId, epoch }))) return false
    return epoch < range.epoch || (sequenceId >= range.from && sequenceId <= range.to)
  }

  /** W1. @param at number of a step that is looked at */
  async begin(node: AppNode | undefined, at: number | undefined): Promise<void> {
    this.#turn += 1
    this.#after = undefined
    const { sequenceId: last = -1, epoch = 0 } = node ?? {}
    if (last < PAGE) {
      await this.#readFrom(undefined)
      this.unread.value = undefined
      return
    }
    const first = last - NEWEST + 1
    const around = at !== undefined && at < first ? this.#readPiece(Math.floor(at / PIECE)) : undefined
    await this.#readFrom(first)
    await around
    this.unread.value = { epoch, from: -1, to: first - 1 }
  }

  /** Reads what has changed: from the first step that is under way on. */
  async goOn(): Promise<void> {
    const steps = this.steps.peek()
    const open = steps.find(({ status }) => status !== 'done' && status !== 'failed' && status !== 'cancelled')
    await this.#readFrom((open ?? steps.at(-1))?.sequenceId)
  }

  close(): void {
    this.#turn += 1
    this.#wanted = []
  }

  async #readFrom(from: number | undefined): Promise<void> {
    for (let after: string | undefined; ; ) {
      const page = await this.#readPage({ from, after, limit: PAGE })
      this.put(page.items)
      after = page.after
      if (after === undefined) return
    }
  }

  /** Adds steps, or what is known anew of them. */
  put(items: readonly StepRecord[]): void {
    if (items.length === 0) return
    for (const item of items) {
      const key = stepKey(item)
      this.#known.set(key, { ...this.#known.get(key), ...item })
    }
    this.steps.value = [...this.#known.values()].sort(inTime)
  }

  /** W2. A reading that has failed goes on where it was. */
  async readRest(): Promise<void> {
    const turn = this.#turn
    if (this.#isHeld || this.unread.peek() === undefined || this.#readsRest === turn) return
    this.#readsRest = turn
    let held: StepRecord[] = []
    try {
      for (let isOver = false; !isOver; ) {
        const page = await this.#readPage({ after: this.#after, limit: PAGE })
        if (turn !== this.#turn) return
        this.#after = page.after
        for (const item of page.items) held.push(item)
        isOver = page.after === undefined || this.#isAll(page.items)
        // Each time there is as much again, so that a long run is not drawn for each of its pages.
        if (!isOver && held.length < this.#known.size) continue
        this.#found(held, isOver)
        held = []
      }
    } catch (error) {
      if (turn === this.#turn) {
        this.#found(held, false)
        this.#fail(error)
      }
    } finally {
      if (this.#readsRest === turn) this.#readsRest = undefined
    }
  }

  /** Whether what follows is read. */
  #isAll(items: readonly StepRecord[]): boolean {
    const [last, range] = [items.at(-1), this.unread.peek()]
    return last !== undefined && range !== undefined && last.epoch === range.epoch && last.sequenceId >= range.to
  }

  #found(items: readonly StepRecord[], isOver: boolean): void {
    const range = this.unread.peek()
    if (range === undefined) return
    const own = items.filter(({ epoch }) => epoch === range.epoch)
    const from = own.reduce((next, { sequenceId }) => Math.max(next, sequenceId + 1), range.from)
    batch(() => {
      this.put(items)
      this.unread.value = isOver ? undefined : { ...range, from }
    })
  }

  /** Reads a step that is looked at before the rest, with those around it. */
  look(sequenceId: number): void {
    const piece = Math.floor(sequenceId / PIECE)
    if (this.unread.peek() === undefined) return
    // What is on the screen lies in two pieces at most.
    this.#wanted = [piece, ...this.#wanted.filter((one) => one !== piece)].slice(0, 2)
    if (!this.#readsWanted) void this.#readWanted()
  }

  async #readWanted(): Promise<void> {
    this.#readsWanted = true
    try {
      for (let [piece] = this.#wanted; piece !== undefined; [piece] = this.#wanted) {
        const read = piece
        await this.#readPiece(read)
        this.#wanted = this.#wanted.filter((one) => one !== read)
      }
    } catch (error) {
      this.#wanted = []
      this.#fail(error)
    } finally {
      this.#readsWanted = false
    }
  }

  async #readPiece(piece: number): Promise<void> {
    const range = { from: piece * PIECE, to: piece * PIECE + PIECE - 1 }
    for (let after: string | undefined; ; ) {
      const page = await this.#readPage({ ...range, after, limit: PAGE })
      this.put(page.items)
      after = page.after
      if (after === undefined) return
    }
  }
}
