import type { WirePath } from '../read/wire-path.js'
import type { AppStatus, StatusSource, StoringSummary, WholeFacts } from './app-status.js'
import type { OpenMap } from './committing.js'
import { isEnded } from './due.js'
import type { Inbox } from './inbox.js'
import type { ForkedFrom, ParentRef } from './record.js'
import type { Scope } from './scope.js'
import type { SummaryParent } from './summary.js'
import type { VisitFacts } from './summary-facts.js'
import { type AtMap, type EnteredMap, mapFacts, NO_WAITS, questions, visitFacts } from './summary-waits.js'
import type { OpenFacts } from './tree-status.js'
import { type DueFacts as DueNotes, dueOf } from './wait-note.js'

// Owns: the summary of one application, as it follows from its journal and its status.
// Does not own: the status (journal-status.ts), the form of a summary (app-status.ts).

/** The journal of an application, as its status and its summary use it. */
export interface StatusJournal {
  readonly appId: string
  readonly epoch: number
  readonly parentRef: ParentRef | undefined
  readonly scope: Scope
  readonly map: OpenMap | undefined
  /** The number of the last step, stored or not. */
  readonly sequenceId: number
  readonly forkedFrom: ForkedFrom | undefined
  readonly inbox: Pick<Inbox, 'taken' | 'requests'>
  readonly notes: {
    readonly due: DueNotes
    /** Whether the application waits, and that is the last note. */
    readonly waits: boolean
  }
}

/** The place of an application below another one. */
export interface Above {
  readonly journal: Pick<StatusJournal, 'epoch' | 'sequenceId' | 'map'> & AtMap
  readonly index: number
}

const ALONE: WholeFacts = Object.freeze({ pending: 0, retrying: 0, leaked: 0, wake: null, nextAt: null })

export class SummaryProjection {
  readonly #journal: StatusJournal
  readonly #above: Above | undefined
  readonly #app: AppStatus
  readonly #visit: VisitFacts | undefined
  #parent: SummaryParent | undefined
  next: string | undefined
  position: string | undefined
  /** The map at which it stands. */
  entered: EnteredMap | undefined
  /** The questions in the store, by their ids; undefined if they are unknown. */
  asked: string | undefined = ''

  constructor(journal: StatusJournal, above: Above | undefined, app: AppStatus) {
    this.#journal = journal
    this.#above = above
    this.#app = app
    this.#visit = above?.index === 0 ? above.journal.status.began : undefined
  }

  get isRoot(): boolean {
    return this.#journal.parentRef === undefined
  }

  /** How the map at which the application stands began. */
  get began(): VisitFacts | undefined {
    return visitFacts(this.entered, this.#journal.map)
  }

  /** What it contributes to the status of its tree. */
  get open(): OpenFacts {
    const { waiting, retry } = this.#journal.notes.due
    const waits = waiting?.waits ?? []
    const times = [...waits.map(({ until }) => until), retry?.at].filter((at) => at !== undefined)
    return {
      pending: waits.filter(({ from }) => from === 'outside').length,
      retrying: this.#app.status === 'retrying',
      dueAt: times.length === 0 ? undefined : times.reduce((a, b) => Math.min(a, b)),
    }
  }

  /** The summary to store with the next rows; undefined if the store has it. */
  take(): StoringSummary | undefined {
    const { scope, notes, inbox } = this.#journal
    const whole = this.isRoot ? this.#wholeTree : this.#wholeOne
    if (!this.#app.differs(whole)) return undefined
    const waits = isEnded(this.#app.status) ? NO_WAITS : questions(notes.due.waiting, this.path)
    const asked = waits.map(({ id }) => id).join()
    const source = { ...this.#facts, waits: asked === this.asked ? undefined : waits, taken: inbox.taken }
    const taken = this.#app.take(source, whole, this.#place)
    const before = this.asked
    this.asked = asked
    if (source.waits !== undefined && !this.isRoot) scope.tree.asked()
    return {
      summary: taken.summary,
      lost: () => {
        this.asked = before
        taken.lost()
      },
    }
  }

  get path(): WirePath {
    const { parentRef } = this.#journal
    if (parentRef === undefined || this.#above === undefined) return []
    const [, map, visit, key] = parentRef
    return [...this.#above.journal.path, [map, visit, key]]
  }

  get #facts(): Omit<StatusSource, 'waits' | 'taken'> {
    const { appId, epoch, forkedFrom, map, sequenceId, notes } = this.#journal
    const [next, position] = [this.next, this.position]
    const due = [...dueOf(notes.due)].map((one) => ({ ...one, sequenceId: sequenceId + 1 }))
    return {
      appId,
      epoch,
      next,
      position,
      forkedFrom,
      of: this.#above === undefined || this.#above.index < 0 ? undefined : this.#above.journal.map?.total,
      visit: this.#visit,
      map: mapFacts(this.entered, map, sequenceId + 1),
      due,
    }
  }

  get #wholeTree(): WholeFacts {
    const { scope } = this.#journal
    const { tree, settings } = scope
    const { status } = this.#app
    const open = !isEnded(status)
    const waits = status === 'waiting' || status === 'retrying'
    const startAt = status === 'queued' ? (settings.start?.at ?? null) : null
    const nextAt = !open ? null : waits ? tree.goesOnAt : (startAt ?? tree.nextAt)
    const wake = { queued: startAt ?? 0, interrupted: 0, running: 'lease', retrying: 'lease', waiting: nextAt } as const
    return {
      pending: open ? tree.pending : 0,
      retrying: open ? tree.retrying : 0,
      leaked: tree.leaked,
      nextAt,
      wake: status in wake ? wake[status as keyof typeof wake] : null,
      ...settings.about,
    }
  }

  get #wholeOne(): WholeFacts {
    const { status } = this.#app
    if (status !== 'waiting' && status !== 'retrying') return ALONE
    const { pending, retrying, dueAt } = this.open
    return { pending, retrying: Number(retrying), leaked: 0, wake: null, nextAt: dueAt ?? null }
  }

  get #place(): SummaryParent | undefined {
    const { parentRef } = this.#journal
    if (parentRef === undefined || this.#above === undefined) return undefined
    const { journal, index } = this.#above
    const [appId, map, visit, key] = parentRef
    this.#parent ??= { appId, epoch: journal.epoch, sequenceId: journal.sequenceId + 1, map, visit, key, index }
    return this.#parent
  }
}
