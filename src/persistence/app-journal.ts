import type { Inputs } from '../action/inputs.js'
import type { Plan } from '../graph/plan.js'
import type { State } from '../state/freeze.js'
import type { BranchStore, JournalSetup, NotedParent, StoredMapVisit } from './branch-store.js'
import type { CommittingStep, OpenMap, Start, StoredTiming } from './committing.js'
import type { Awaitable } from './driver.js'
import type { Inbox } from './inbox.js'
import type { JournalStatus } from './journal-status.js'
import type { StateLabel } from './labels.js'
import type { FullFacts, Notes, ParentRef } from './record.js'
import type { StoredMessage, StoredRecord } from './replay.js'
import type { Scope } from './scope.js'
import type { ScopeSettings } from './scope-settings.js'
import type { StatusNotes } from './status-notes.js'
import type { OpenWaitNote } from './wait-note.js'

/** The durability of one application, as the engine uses it. The journal of a store implements it (journal.ts). */
export interface AppJournal {
  readonly appId: string
  /** Grows with each rewind; part of the ids of branches. */
  readonly epoch: number
  /** The settings and the state of the store that a tree of applications shares. */
  readonly scope: Pick<Scope, 'about' | 'fault' | 'incarnation' | 'idle' | 'outage' | 'tree' | 'lease' | 'requests'> & {
    readonly settings: Pick<
      ScopeSettings,
      'partitionKey' | 'transient' | 'policy' | 'watch' | 'driver' | 'rootId' | 'start'
    >
  }
  /** Stored messages from outside. */
  readonly inbox: Inbox
  /** The stored record at which the next step continues; undefined when there is none. */
  readonly stored: StoredRecord | undefined
  /** The application and the step that it was forked from. */
  readonly forkedFrom: { readonly appId: string; readonly sequenceId: number } | undefined
  readonly opened: boolean
  /** The last call of {@link AppJournal.open}. */
  readonly opening: Promise<unknown> | undefined
  /** The waits of the step under way. */
  readonly notes: Pick<StatusNotes, 'begin' | 'reach' | 'retry'>
  /** The status of the application, and its summary in the store. */
  readonly status: Pick<
    JournalStatus,
    'begins' | 'ended' | 'stays' | 'cutOff' | 'limits' | 'delays' | 'goesOn' | 'stands'
  >
  /** A wait has ended, other than by a cancel. @param passed whether its time is over */
  woke(n: number, passed: boolean): void
  /** Claims the tree, and stores where a new application starts. @returns the record to continue at, if there is one */
  open(plan: Plan, start: Start, inputs: Inputs): Promise<StoredRecord | undefined>
  /** Saves a step at its point of commit. @throws {PersistenceError | SerializationError} Nothing is saved then. */
  step(step: CommittingStep): Awaitable<void>
  /** Saves a whole state that no step made. */
  saveState(
    label: StateLabel,
    state: State,
    at: Omit<FullFacts, 'version' | 'parentRef' | 'from'> & { readonly sequenceId: number; readonly epoch?: number },
  ): Awaitable<void>
  /** Saves the checkpoint of an application. */
  save(start: Start): Promise<void>
  /** Saves a note to the running step. */
  note<K extends keyof Notes>(label: K, note: Notes[K]): Awaitable<void>
  failed(error: Error, timing: StoredTiming): Awaitable<void>
  /** @param resumable whether later rows drop it: true for a root */
  cancelled(
    cancellation: Pick<Notes['cancelled'], 'cause' | 'by' | 'reason'>,
    timing: StoredTiming,
    resumable?: boolean,
  ): Awaitable<void>
  /** Saves an open wait: for a message from outside, or for a time. */
  waits(wait: OpenWaitNote, timing: StoredTiming): Awaitable<void>
  /** The stored result of a side effect of the step; undefined if it is not stored. */
  done(key: string): { readonly value: unknown } | undefined
  /** Stores a message for an application of the tree. @returns its id */
  post(appId: string, message: Pick<StoredMessage, 'kind' | 'body'>): Promise<number>
  /** The journal of an application that an action makes. */
  ofAction(appId: string, parentRef: ParentRef): AppJournal
  /** Opens the stored branches of a map. */
  openMap(map: StoredMapVisit & { readonly own: unknown }): BranchStore<MapJournal>
}

/** The same, as the recorded entries of its maps use it, and the owner of a branch that runs elsewhere. */
export interface MapJournal extends AppJournal, NotedParent {
  readonly status: AppJournal['status'] & Pick<JournalStatus, 'enters' | 'began'>
  epoch: number
  readonly scope: Scope
  opened: boolean
  /** Whether the stored record is of another start, which the first row replaces. */
  replacing: boolean
  /** Keys whose schema rejects its own output. */
  oneWay: ReadonlySet<string>
  parentRef: ParentRef | undefined
  /** The unfinished map of the next step. */
  map: OpenMap | undefined
  /** Failures of branches stored before this order are retried. */
  readonly retryFailuresBefore: number
  readonly notes: Pick<StatusNotes, 'begin' | 'reach' | 'retry' | 'index'>
  /** Loads the record of this application. */
  load(): Promise<StoredRecord | undefined>
  /** Continues from a stored record. The next row is a full one. */
  adopt(stored: StoredRecord): void
  post(appId: string, message: Pick<StoredMessage, 'kind' | 'body'>, scope?: Scope): Promise<number>
  /** The journal of an application below this one. */
  child(setup: JournalSetup, scope?: Scope): MapJournal
}
