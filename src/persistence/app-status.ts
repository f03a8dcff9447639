import { tryGet } from '../internal/guards.js'
import type { CancelData, ErrorData } from '../read/error-data.js'
import { queuedBefore } from '../read/queued.js'
import { isEnded } from './due.js'
import type { AppSummary, StoredWait as AskedWait, SummaryParent, SummaryStatus } from './summary.js'
import type { DueFacts, MapFacts, SummaryFacts, VisitFacts } from './summary-facts.js'

// Owns: the status of one stored application, and whether the store has it.
// B1  A summary is stored in the group of the rows that change it, so that both are there or neither.

/** The facts of an application that its summary repeats. */
export interface StatusSource {
  readonly appId: string
  readonly epoch: number
  readonly next: string | undefined
  readonly position: string | undefined
  readonly forkedFrom: SummaryFacts['forkedFrom'] | undefined
  readonly of: number | undefined
  readonly visit: VisitFacts | undefined
  readonly map: MapFacts | undefined
  /** Its open questions; undefined where they have not changed. */
  readonly waits: readonly AskedWait[] | undefined
  /** Ids of messages that the step under way has taken. */
  readonly taken: readonly number[]
  readonly due: readonly DueFacts[]
}

/** How a run of a root ended. `cancelled`: for good; `cut`: by any other cancel. */
export type RunEnd = 'halted' | 'finished' | 'failed' | 'cancelled' | 'cut'

/** The facts that an end has, and a run has not. */
export interface EndFacts {
  readonly error?: ErrorData | undefined
  readonly cancelled?: CancelData | undefined
}

/** The part of a summary that a root has in another way than a branch. */
export type WholeFacts = Pick<
  AppSummary,
  'pending' | 'retrying' | 'leaked' | 'wake' | 'nextAt' | 'name' | 'title' | 'labels'
>

/** A summary that is being stored. */
export interface StoringSummary {
  readonly summary: AppSummary
  /** Called when it could not be stored. */
  lost(): void
}

/** The summary of an application, if the store has another one. */
export type SummarySource = () => StoringSummary | undefined

export class AppStatus {
  #status: SummaryStatus = 'queued'
  #since = 0
  #ended: EndFacts = {}
  #endedAt: number | undefined
  /** When it was queued, as a branch; undefined for any other application. */
  queuedAt: number | undefined
  startedAt: number | undefined
  attempt: number | undefined
  recovered = false
  crashes: SummaryFacts['crashes']
  inputs: string | undefined
  priority: number | undefined
  carried: SummaryFacts['carried'] | undefined
  /** The status in the store; undefined if it has none. */
  #stored: SummaryStatus | undefined
  #whole = ''
  /** Whether other facts than the status have changed. */
  #changed = false

  constructor(queuedAt: number | undefined) {
    this.queuedAt = queuedAt
  }

  get status(): SummaryStatus {
    return this.#status
  }

  /** Whether the store has the status. */
  get isStored(): boolean {
    return this.#stored === this.#status
  }

  /** @param now epoch milliseconds */
  set(status: SummaryStatus, now: number, ended: EndFacts = {}): void {
    if (status === this.#status && ended.error === undefined && ended.cancelled === undefined) return
    if (status !== this.#status) this.#since = now
    if (ended.error !== undefined || ended.cancelled !== undefined) this.#changed = true
    this.#ended = ended
    this.#status = status
    this.#endedAt = isEnded(status) ? now : undefined
  }

  /** Other facts of the summary have changed. */
  touch(): void {
    this.#changed = true
  }

  /** Whether the store has another summary. */
  differs(whole: Omit<WholeFacts, 'wake'>): boolean {
    return this.#stored !== this.#status || this.#changed || countsOf(whole) !== this.#whole
  }

  /**
   * The summary, to be stored.
   * @param parent the place below another application; undefined for a root
   */
  take(source: StatusSource, whole: WholeFacts, parent: SummaryParent | undefined): StoringSummary {
    const before = [this.#stored, this.#whole] as const
    this.#stored = this.#status
    this.#whole = countsOf(whole)
    this.#changed = false
    const { appId, waits, taken } = source
    const summary: AppSummary = {
      appId,
      status: this.#status,
      since: this.#since,
      ...whole,
      ...(parent && { parent }),
      facts: JSON.stringify(this.#factsOf(source)),
      ...(waits && { waits }),
      ...(waits && waits.length > 0 && taken.length > 0 && { taken }),
    }
    return {
      summary,
      lost: () => {
        ;[this.#stored, this.#whole] = before
        this.#changed = true
      },
    }
  }

  /** Continues from a stored summary. */
  adopt({ status, since, facts, ...whole }: Omit<AppSummary, 'waits' | 'taken' | 'wake'>): void {
    const known = tryGet(() => JSON.parse(facts) as SummaryFacts)
    if (known === undefined) return // the next rows replace it
    const { startedAt, attempt, recovered = false, error, cancelled, endedAt, crashes } = known
    this.crashes = crashes
    this.inputs = known.inputs
    this.priority = known.priority
    this.carried = known.carried
    this.#status = this.#stored = status
    this.#since = since
    this.#whole = countsOf(whole)
    this.#ended = { error, cancelled }
    this.#endedAt = endedAt
    this.startedAt = startedAt
    this.attempt = attempt
    this.recovered = recovered
  }

  #factsOf({ epoch, next, position, forkedFrom, of, visit, map, due }: StatusSource): SummaryFacts {
    const { error, cancelled } = this.#ended
    const cancelledAt = this.#endedAt === undefined ? undefined : this.#endedAt - 1 // never queued if at that moment
    const queuedAt = queuedBefore(this.queuedAt, this.startedAt ?? cancelledAt)
    return {
      epoch,
      ...(queuedAt !== undefined && { queuedAt }),
      ...(this.startedAt !== undefined && { startedAt: this.startedAt }),
      ...(this.#endedAt !== undefined && { endedAt: this.#endedAt }),
      ...(this.attempt !== undefined && { attempt: this.attempt }),
      ...(next !== undefined && { next }),
      ...(position !== undefined && { position }),
      ...(error && { error }),
      ...(cancelled && { cancelled }),
      ...(forkedFrom && { forkedFrom }),
      ...(of !== undefined && { of }),
      ...(visit && { visit }),
      ...(this.recovered && { recovered: true as const }),
      ...(this.crashes && { crashes: this.crashes }),
      ...(this.inputs !== undefined && { inputs: this.inputs }),
      ...(this.priority !== undefined && { priority: this.priority }),
      ...(this.carried && { carried: this.carried }),
      ...(due.length > 0 && { due }),
      ...(map && { map }),
    }
  }
}

const countsOf = ({ pending, retrying, leaked, nextAt }: Omit<WholeFacts, 'wake'>): string =>
  `${pending} ${retrying} ${leaked} ${nextAt}`
