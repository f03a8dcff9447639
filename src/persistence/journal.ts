import { ParallelError } from '../errors.js'
import type { Plan } from '../graph/plan.js'
import type { State } from '../state/freeze.js'
import type { Above } from './above.js'
import { encode } from './codec.js'
import {
  type CommittingStep,
  fullFacts,
  isFinal,
  type Life,
  mapOf,
  type OpenMap,
  patchFacts,
  toldOf,
  withoutTransient,
} from './committing.js'
import { Deltas } from './deltas.js'
import type { Awaitable, PersisterDriver, Row } from './driver.js'
import { conflict } from './faults.js'
import { Inbox } from './inbox.js'
import { rememberRules } from './known-rules.js'
import { labelOf, type PlaceLabel } from './labels.js'
import { loadRecords } from './loading.js'
import type { KeptBranches, KeptMap } from './map-keeping.js'
import { fitRecord } from './migrate.js'
import { type ForkedFrom, type FullFacts, fullData, type Hanging, type Notes, noteData, patchData } from './record.js'
import type { StoredMessage, StoredRecord } from './replay.js'
import type { Scope } from './scope.js'
import { sealMessage, sealRow } from './seal.js'

// Owns: the rows of one application: which comes next, and whether it holds the whole state or what changed.
// Does not own: when the engine commits, other applications of the tree (scope.ts).
// J1  One row a step. A whole state is written when the changes since the last one outweigh it.
// J2  A place is used up only by rows that are saved: after a failure the next row takes it.

/** Opens the books of a map. */
export type MapKeeper = (journal: Journal, map: KeptMap, scope: Scope) => KeptBranches<Journal>

const isOwn = (own: unknown): own is { readonly driver: PersisterDriver } =>
  typeof own === 'object' && own !== null && 'driver' in own

/** Where a journal begins. */
export interface JournalSetup {
  readonly appId: string
  readonly hangs?: Hanging | undefined
  /** What is stored already. */
  readonly stored?: StoredRecord | undefined
  /** Written with the first row: an entry of a generator, in the books above. */
  readonly prelude?: Prelude | undefined
  /** Looked for when it is opened: an application that an action makes by hand may have been there before. */
  readonly mayBeStored?: boolean
}

/** A note in the books above that goes with the first row of a branch. */
export interface Prelude {
  readonly above: Journal
  readonly note: Notes['entry']
}

/** The books of one application. */
export class Journal {
  readonly scope: Scope
  readonly appId: string
  /** Grows with each rewind; part of the ids of branches. */
  epoch: number
  /** The epoch that branches of the next step are made in. */
  below: number
  /** What the next step has done already, as it is stored. */
  stored: StoredRecord | undefined
  inbox: Inbox
  /** The fan-out that the next step has begun. */
  map: OpenMap | undefined
  /** After this order, branches that failed are to run again. */
  voided: number
  /** Whether the engine has opened it: claimed, and placed or loaded. */
  opened = false
  /** Keys whose schema refuses what it gave itself. */
  oneWay: ReadonlySet<string>
  readonly #keeper: MapKeeper
  readonly #hangs: Hanging | undefined
  #from: ForkedFrom | undefined
  readonly #mayBeStored: boolean
  #prelude: Prelude | undefined
  /** It was cancelled for good. */
  #over = false
  #rows: number
  readonly #deltas: Deltas
  /** The books of the application above, in the same store. */
  readonly #above: Journal | undefined

  constructor(scope: Scope, keeper: MapKeeper, setup: JournalSetup, above?: Journal) {
    const { appId, hangs, stored, prelude, mayBeStored = false } = setup
    this.#above = above
    this.scope = scope
    this.#keeper = keeper
    this.appId = appId
    this.#hangs = hangs ?? stored?.hangs
    this.#from = stored?.from
    this.#mayBeStored = mayBeStored
    this.#prelude = prelude
    this.stored = stored
    this.oneWay = new Set(stored?.oneWay)
    this.epoch = stored?.epoch ?? 0
    this.below = stored?.below ?? this.epoch
    this.inbox = new Inbox(stored?.inbox)
    this.map = mapOf(stored)
    this.voided = stored?.voided ?? 0
    this.#rows = stored?.rows ?? 0
    this.#deltas = new Deltas(stored?.sequenceId ?? -1)
    if (stored === undefined) return
    this.#deltas.adopt(stored)
    scope.after(stored.order)
  }

  /** True where this step is saved by the policy. */
  #saves({ action, end }: CommittingStep): boolean {
    const { policy } = this.scope.settings
    if (policy === 'every-step') return true
    if (policy === 'manual') return false
    return end !== undefined || (policy !== 'settle' && policy.after.includes(action))
  }

  /**
   * Saves a step (design: point of commit).
   * @throws {PersistenceError | SerializationError} and nothing is saved
   */
  step(step: CommittingStep): Awaitable<void> {
    if (!this.#saves(step)) return undefined
    const kept = withoutTransient(step.state, this.scope.settings.transient)
    const { sequenceId, loose } = step
    const full = this.#deltas.isFullNext(sequenceId)
    const told = full
      ? fullData(kept, this.#whole(fullFacts(step, this.#over)), loose)
      : patchData(this.#deltas.held ?? {}, kept, { ...patchFacts(step, this.#over), oneWay: this.oneWay }, loose)
    const row = this.#row(full ? 'full' : 'patch', labelOf(step.action), sequenceId, told.data)
    return this.#save([row], () => {
      this.#deltas.saved(told, sequenceId, row.epoch, full)
      this.below = this.epoch
      this.#committed()
    })
  }

  /** What a row with a whole state says beside the step. */
  #whole(facts: Omit<FullFacts, 'version'>): FullFacts {
    const { version } = this.scope.settings
    const { oneWay } = this
    return {
      ...facts,
      oneWay,
      version,
      hangs: this.#hangs,
      from: facts.from ?? this.#from,
      above: this.#above?.standing,
    }
  }

  /** What is stored of its state. */
  get standing(): Above | undefined {
    const { held, sequenceId, epoch } = this.#deltas
    return held && { appId: this.appId, sequenceId, epoch, held }
  }

  /** Saves a whole state that no step made: a start, a rewind, a fork, what a fallback gave. */
  place(
    label: PlaceLabel,
    state: State,
    at: Omit<FullFacts, 'version' | 'hangs' | 'from'> & { readonly sequenceId: number; readonly epoch?: number },
    from?: ForkedFrom,
  ): Awaitable<void> {
    const kept = withoutTransient(state, this.scope.settings.transient)
    const told = fullData(kept, this.#whole({ ...at, from }))
    this.epoch = at.epoch ?? this.epoch
    this.below = at.below ?? this.epoch
    const row = this.#row('full', label, at.sequenceId, told.data)
    return this.#save([row], () => {
      this.#deltas.saved(told, at.sequenceId, row.epoch, true)
      this.#committed()
    })
  }

  /** What belonged to the step alone is done with. */
  #committed(): void {
    this.stored = undefined
    this.map = undefined
    this.voided = 0
  }

  /** Saves a note to the step that goes on. */
  note<K extends keyof Notes>(label: K, note: Notes[K]): Awaitable<void> {
    if (this.scope.settings.policy === 'manual') return undefined
    return this.#save([this.#row('note', label, this.#deltas.sequenceId, noteData(label, note))])
  }

  /** The run failed: a further one tries its step again. */
  failed(error: Error, life: Life): Awaitable<void> {
    const again = ParallelError.is(error)
    const noted = this.note('failed', { error, again, ...toldOf(life) })
    if (again) this.voided = this.scope.nextOrder()
    return noted
  }

  /**
   * The application was cancelled. For good: said once, in the moment it happens.
   * @param resumable whatever the cause says: the run of a root is over, and another may begin
   */
  cancelled({ cause, by, reason }: Cancelled, life: Life, resumable = false): Awaitable<void> {
    if (this.#over) return undefined
    const final = !resumable && isFinal(cause)
    this.#over = final
    return this.note('cancelled', { cause, by, reason, final, ...toldOf(life) })
  }

  /** A side effect that the step has done already. */
  done(key: string): { readonly value: unknown } | undefined {
    const once = this.stored?.once
    return once?.has(key) === true ? { value: once.get(key) } : undefined
  }

  /** The books of an application below this one. */
  child(setup: JournalSetup, scope = this.scope): Journal {
    return new Journal(scope, this.#keeper, setup, scope === this.scope ? this : undefined)
  }

  /**
   * The first thing that a run does: claims the tree, and writes down where a new application starts.
   * @returns where the application is to stand, if that is elsewhere
   */
  async open(
    plan: Plan,
    start: { readonly state: State; readonly next: string | undefined },
  ): Promise<StoredRecord | undefined> {
    const { scope } = this
    this.#follow(plan)
    if (this.#hangs === undefined) scope.begin()
    else if (scope.fault !== undefined) throw scope.fault.error
    if (this.opened && !scope.unsure) return undefined
    // Looked for before it is claimed, so that whoever makes it anew by mistake takes it from nobody.
    if (!this.opened && !this.#mayBeStored && (await this.load()) !== undefined)
      throw conflict(this.appId, 0, scope.settings.writer)
    await scope.claim()
    const known = this.opened || this.#mayBeStored ? await this.load() : undefined
    scope.unsure = false
    if (known !== undefined) {
      const moved = !this.opened || known.sequenceId !== this.#deltas.sequenceId
      this.opened = true
      this.adopt(known)
      return moved ? fitRecord(known, plan, scope.settings) : undefined
    }
    await this.place('start', start.state, { next: start.next, sequenceId: -1, visits: {} })
    this.opened = true
    return undefined
  }

  /** What its schema is found to refuse from now on is written down. */
  #follow({ graph }: Plan): void {
    const { schema } = graph.rules
    if (schema === undefined || schema.oneWay === this.oneWay) return
    for (const key of this.oneWay) schema.oneWay.add(key)
    this.oneWay = schema.oneWay
    const { driver, partitionKey } = this.scope.settings
    rememberRules(driver, partitionKey, this.appId, graph.rules)
  }

  /** The books of the branches of a map. */
  openMap({ own, ...map }: KeptMap & { readonly own: unknown }): KeptBranches<Journal> {
    return this.#keeper(this, map, isOwn(own) ? this.scope.over(own.driver) : this.scope)
  }

  /** Goes on from what is stored: the next row is a whole state. */
  adopt(stored: StoredRecord): void {
    this.stored = stored
    this.epoch = stored.epoch
    this.below = stored.below ?? stored.epoch
    this.#from = stored.from
    this.oneWay = new Set([...this.oneWay, ...stored.oneWay])
    this.inbox = new Inbox(stored.inbox)
    this.map = mapOf(stored)
    this.voided = stored.voided
    this.#rows = stored.rows
    this.#deltas.adopt(stored)
    this.scope.after(stored.order)
  }

  /** Loads what is stored of this application. */
  async load(): Promise<StoredRecord | undefined> {
    const { driver, partitionKey } = this.scope.settings
    const [stored] = await loadRecords(
      (ids, until) => this.scope.ask(() => driver.load(partitionKey, ids, until)),
      [this.appId],
    )
    return stored
  }

  /** Puts a message into the inbox of an application of the tree. @returns its id */
  async post(appId: string, message: Pick<StoredMessage, 'kind' | 'body'>, scope = this.scope): Promise<number> {
    const { driver, partitionKey, rootId } = scope.settings
    return driver.post({ partitionKey, rootId }, appId, sealMessage(appId, encode(message, 'message')))
  }

  /** The application waits for a message from outside. */
  waits(action: string, kinds: readonly string[]): Awaitable<void> {
    return this.note('waiting', { action, kinds })
  }

  #row(kind: Row['kind'], label: string, sequenceId: number, data: string): Row {
    const { appId, epoch } = this
    const order = this.scope.nextOrder()
    return sealRow({ appId, index: this.#rows, kind, epoch, sequenceId, label, order, data })
  }

  #save(rows: readonly Row[], saved?: () => void): Awaitable<void> {
    const first = this.#prelude
    const above = first === undefined ? undefined : first.above.#note('entry', first.note)
    const step = rows[0]?.kind !== 'note'
    const taken = step ? this.inbox.taken : []
    const index = this.#rows
    this.#rows += rows.length // so that what is saved meanwhile comes after
    this.#prelude = undefined
    const done = (): void => {
      if (step) this.inbox.committed(taken)
      saved?.()
    }
    const undo = (error: unknown): never => {
      this.#rows = Math.min(this.#rows, index) // J2
      this.#prelude = first
      if (above !== undefined && first !== undefined) first.above.#release(above)
      throw error
    }
    try {
      const answer = this.scope.save(above === undefined ? rows : [above, ...rows], taken, this.#hangs !== undefined)
      return answer === undefined ? done() : answer.then(done, undo)
    } catch (error) {
      return undo(error)
    }
  }

  /** A note as a row that another application saves with its own. */
  #note<K extends keyof Notes>(label: K, note: Notes[K]): Row {
    const row = this.#row('note', label, this.#deltas.sequenceId, noteData(label, note))
    this.#rows += 1
    return row
  }

  #release({ index }: Row): void {
    this.#rows = Math.min(this.#rows, index)
  }
}

type Cancelled = Pick<Notes['cancelled'], 'cause' | 'by' | 'reason'>
