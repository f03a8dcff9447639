import type { JournalSetup } from '../persistence/branch-store.js'
import type { CommittingStep, OpenMap, Start, StoredTiming } from '../persistence/committing.js'
import type { Until } from '../persistence/driver.js'
import type { StateLabel } from '../persistence/labels.js'
import type { FullFacts, Notes, ParentRef, RanFacts } from '../persistence/record.js'
import type { StoredMessage, StoredRecord } from '../persistence/replay.js'
import type { ScopeSettings } from '../persistence/scope-settings.js'
import type { EnteredMap } from '../persistence/summary-waits.js'
import type { OpenFacts } from '../persistence/tree-status.js'
import type { OpenWaitNote } from '../persistence/wait-note.js'
import type { State } from '../state/freeze.js'

// Owns: the calls of a worker to the journals of its branch and of the applications below it, as data. The journals are
// with the owner: it alone writes rows, so that branches share its transactions, its order and its claim.

/** A stored branch, as its worker continues it. */
export interface StoreData {
  readonly settings: Pick<
    ScopeSettings,
    | 'partitionKey'
    | 'rootId'
    | 'writer'
    | 'policy'
    | 'version'
    | 'whenUnavailable'
    | 'changedTasks'
    | 'leaseMs'
    | 'worker'
  >
  readonly transient: readonly string[]
  readonly inboxPollMs: number
  /** The name of the store in messages. */
  readonly name: string
  /** Whether the owner has a `migrate`. */
  readonly migrates: boolean
  readonly incarnation: number
  readonly epoch: number
  readonly oneWay: readonly string[]
  readonly parentRef?: ParentRef | undefined
  readonly replacing: boolean
  readonly retryFailuresBefore: number
  /** Messages that no committed step has taken. */
  readonly inbox: readonly StoredMessage[]
  /** The record at which it continues; its state is that of the first frame. */
  readonly stored?: Omit<StoredRecord, 'state'> | undefined
}

type Optional = 'next' | 'end' | 'startedAt' | 'deadlineAt'

/** A step to commit. Facts that it has not are absent: undefined would cross as a tag. */
export interface StepData
  extends Omit<CommittingStep, 'visits' | 'ran' | Optional>,
    Partial<Pick<CommittingStep, Optional>> {
  readonly visits: Readonly<Record<string, number>>
  readonly ran: Omit<RanFacts, 'condition'> & Partial<Pick<RanFacts, 'condition'>>
}

/** The messages that a branch has seen, and those of them that no commit has taken. */
export interface MailData {
  readonly n: number
  readonly left: readonly number[]
}

type Message = Pick<StoredMessage, 'kind' | 'body'>
type AnyNote = { readonly [K in keyof Notes]: { readonly label: K; readonly note: Notes[K] } }[keyof Notes]

/** A state that no step made. */
export interface StateData {
  readonly label: StateLabel
  readonly state: State
  readonly at: FullFacts & { readonly sequenceId: number; readonly epoch?: number }
}

/** Calls with an answer. */
export type JournalQuestion =
  | {
      readonly do: 'step'
      readonly step: StepData
      readonly taken: readonly number[]
      /** Of the branch itself. */
      readonly mail: MailData | undefined
    }
  | ({ readonly do: 'state' } & StateData)
  | { readonly do: 'save'; readonly start: Start }
  | { readonly do: 'enter'; readonly note: Notes['entry'] | undefined }
  | ({ readonly do: 'note' } & AnyNote)
  | { readonly do: 'failed'; readonly error: Error; readonly timing: StoredTiming }
  | {
      readonly do: 'cancelled'
      readonly cancellation: Pick<Notes['cancelled'], 'cause' | 'by' | 'reason'>
      readonly timing: StoredTiming
      readonly resumable: boolean
    }
  | { readonly do: 'waits'; readonly wait: OpenWaitNote; readonly timing: StoredTiming }
  | { readonly do: 'post'; readonly appId: string; readonly message: Message }
  | { readonly do: 'load'; readonly appIds: readonly string[]; readonly until: Until | undefined }
  | { readonly do: 'migrate'; readonly stored: StoredRecord }

/** The journal of an application below another one. */
export interface ChildData extends Pick<JournalSetup, 'appId' | 'parentRef' | 'index' | 'stored' | 'replaced'> {
  readonly mayBeStored: boolean
  /** Stored with its first row: undefined for nothing, else the last step of its parent, and perhaps an entry. */
  readonly first: { readonly entry: Notes['entry'] | undefined } | undefined
}

/** Facts of a journal that its worker sets. */
export interface JournalFacts {
  readonly replacing?: boolean
  readonly oneWay?: readonly string[]
  readonly parentRef?: ParentRef
  /** Null: no map is open. */
  readonly map?: Omit<OpenMap, 'entries'> | null
  readonly entered?: EnteredMap
}

type WaitLevel = 'nothing' | 'siblings' | 'outside' | 'retry'

/** Calls without an answer. */
export type JournalNotice =
  | { readonly do: 'begin' }
  | {
      readonly do: 'reach'
      readonly n: number
      readonly wait: Pick<OpenWaitNote, 'from' | 'kinds'>
      readonly now: number
    }
  | { readonly do: 'woke'; readonly n: number; readonly passed: boolean }
  | { readonly do: 'limits'; readonly at: number }
  | { readonly do: 'delays' }
  | { readonly do: 'goesOn' }
  | { readonly do: 'stands'; readonly level: WaitLevel; readonly retries: boolean }
  | { readonly do: 'child'; readonly id: number; readonly setup: ChildData }
  | { readonly do: 'adopt'; readonly stored: StoredRecord }
  | { readonly do: 'facts'; readonly facts: JournalFacts }
  /** A wait for messages from outside begins, or ends. */
  | { readonly do: 'watch'; readonly n: number }
  | { readonly do: 'unwatch'; readonly n: number }
  /** The step takes a message, or has failed: the store counts a message that was taken for no further question. */
  | { readonly do: 'take'; readonly id: number }
  | { readonly do: 'untake' }
  /** A message from the store did not fit into its mailbox: it stays in the store. */
  | { readonly do: 'refused'; readonly id: number }
  /** What an application in a store that the worker opened itself waits for. */
  | { readonly do: 'open'; readonly appId: string; readonly facts: OpenFacts | undefined }
  | { readonly do: 'limit'; readonly appId: string; readonly at: number | undefined }

/** The answer to a call that wrote a note. */
export interface Noted {
  readonly failuresBefore: number
}
