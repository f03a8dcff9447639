// The summary of an application in a store: one row beside its rows, so that lists, counts, open questions and due
// times are read without its state. Drivers move summaries; `facts` is opaque to them.

/**
 * The stored status of an application.
 *
 * Open: `queued`, made and not run yet; `running`; `waiting`, for messages or a time only; `retrying`, only a retry
 * delay is left; `interrupted`, to be resumed. Ended: `halted`, `finished`, `failed`, `cancelled`; for everything below
 * a root `done` stands for halted or finished.
 */
export type SummaryStatus =
  | 'queued'
  | 'running'
  | 'waiting'
  | 'retrying'
  | 'interrupted'
  | 'halted'
  | 'finished'
  | 'done'
  | 'failed'
  | 'cancelled'

/** The place of an application below another one. */
export interface SummaryParent {
  readonly appId: string
  /** The epoch of the parent in which it was made. */
  readonly epoch: number
  /** The step of the parent. */
  readonly sequenceId: number
  /** The map action, or the action that made it by hand. */
  readonly map: string
  readonly visit: number
  readonly key: string
  /** Its index in the map; -1 for an application made by hand. */
  readonly index: number
}

/** One open question: a wait for a message from outside. */
export interface StoredWait {
  /** `<appId>.<sequenceId>.<number of the wait in its step>`: the same after a resume. */
  readonly id: string
  readonly sequenceId: number
  /** The number of the wait in its step, from 0. */
  readonly n: number
  /** The kinds of messages that it takes. */
  readonly kinds: readonly string[]
  /** Epoch milliseconds. */
  readonly since: number
  /** Epoch milliseconds; null without a time limit. */
  readonly until: number | null
  /** JSON of all else: the action, the path, the question, the schemas. */
  readonly facts: string
}

/**
 * The summary of one application. It replaces the one before as a whole, but for `parent`, `name`, `title` and `labels`
 * (once set, they stay) and `waits` (omitted: unchanged).
 *
 * Questions are compared with the inbox of the application when they are stored: the oldest one takes the oldest message
 * of one of its kinds, and is answered by it. A root that waits is due at once while a question of its tree is answered.
 */
export interface AppSummary {
  readonly appId: string
  readonly status: SummaryStatus
  /** When the status began, epoch milliseconds. */
  readonly since: number
  /** Undefined for a root. */
  readonly parent?: SummaryParent | undefined
  /** The name of its graph in a host. */
  readonly name?: string | undefined
  readonly title?: string | undefined
  readonly labels?: Readonly<Record<string, string>> | undefined
  /** Open questions, here and below. */
  readonly pending: number
  /** Applications that are between two attempts, here and below. */
  readonly retrying: number
  /** Abandoned code, here and below. */
  readonly leaked: number
  /**
   * When a root is to be taken by a runner, epoch milliseconds: 0 at once; `lease`: when the lease of its runner is over;
   * null never. Null for everything below a root.
   */
  readonly wake: number | 'lease' | null
  /** The earliest time that something waits for, here or below, epoch milliseconds. */
  readonly nextAt: number | null
  /** JSON of all else. */
  readonly facts: string
  /** The open questions of this application, and of none below. */
  readonly waits?: readonly StoredWait[] | undefined
  /** With `waits`: ids of messages in its inbox that the step under way has taken. They answer no question. */
  readonly taken?: readonly number[] | undefined
}

/** A stored root application, as a list returns it. */
export interface StoredRun {
  readonly partitionKey: string | null
  readonly rootId: string
  /** Order of its first row: epoch milliseconds × 1024. */
  readonly born: number
  /** Undefined where older code has stored it. */
  readonly summary: Omit<AppSummary, 'waits' | 'taken' | 'parent' | 'wake'> | undefined
  /** When it is to be taken, by the clock of the store; for a running one, the end of the lease. */
  readonly wakeAt: number | null
  /** Whether it counts as running or retrying, but the lease of its runner is over. */
  readonly expired: boolean
  /** The last row, without its data. Undefined if only a message is stored. */
  readonly last: StoredPosition | undefined
  /** The claim; undefined when it was never claimed. */
  readonly claim: StoredClaim | undefined
}

/** The place of the last row of an application. */
export interface StoredPosition {
  readonly kind: 'full' | 'patch' | 'note'
  readonly label: string
  readonly sequenceId: number
  readonly epoch: number
  readonly order: number
}

/** The claim of a tree. */
export interface StoredClaim {
  readonly incarnation: number
  readonly writer: string
  /** The description of the runner that it gave with its claim; JSON. */
  readonly worker: string | undefined
  /** End of its lease by the clock of the store, epoch milliseconds; 0 when nothing runs. */
  readonly leaseUntil: number
  /** The last heartbeat's JSON, and its time. */
  readonly beat: { readonly at: number; readonly data: string } | undefined
}

/** A stored application below another one. */
export interface StoredBelow {
  readonly appId: string
  readonly summary: Omit<AppSummary, 'waits' | 'taken' | 'wake' | 'labels'> & { readonly parent: SummaryParent }
  readonly last: StoredPosition | undefined
}

/** Filters of roots. All that are given hold. */
export interface RunQuery {
  /** Omitted: every partition. */
  readonly partitionKey?: string | null | undefined
  /** `interrupted` includes runs whose lease is over; `running` and `retrying` exclude them. */
  readonly status?: readonly SummaryStatus[] | undefined
  readonly name?: string | undefined
  readonly labels?: Readonly<Record<string, string>> | undefined
  /** Epoch milliseconds, included. */
  readonly createdFrom?: number | undefined
  /** Epoch milliseconds, excluded. */
  readonly createdTo?: number | undefined
  readonly retrying?: true | undefined
  readonly pending?: true | undefined
  readonly leaked?: true | undefined
  /** Part of the id or of the title, whatever its case. */
  readonly text?: string | undefined
  /** Only roots without a summary: older code has stored them. */
  readonly unsummarised?: true | undefined
}

/** A page of roots, newest first. */
export interface RunPage extends RunQuery {
  readonly limit: number
  /** The last one of the page before; it may have been deleted. */
  readonly after?: Pick<StoredRun, 'partitionKey' | 'rootId' | 'born'> | undefined
}

/** Number of roots by status. */
export type RunCounts = { readonly [S in SummaryStatus]?: number }

/** A page of applications below one application, by index, then by id. */
export interface BelowPage {
  readonly partitionKey: string | null
  readonly parentId: string
  /** Omitted: any. */
  readonly epoch?: number | undefined
  readonly map?: string | undefined
  readonly visit?: number | undefined
  readonly status?: readonly SummaryStatus[] | undefined
  readonly limit: number
  readonly after?: { readonly index: number; readonly appId: string } | undefined
}

/** Number of applications below one application, by map, visit, epoch and status. */
export interface BelowCount {
  readonly epoch: number
  readonly sequenceId: number
  readonly map: string
  readonly visit: number
  readonly status: SummaryStatus
  readonly count: number
}

/** A page of open questions, oldest first. Those of runs that have ended are left out. */
export interface WaitPage {
  /** Omitted: every partition. */
  readonly partitionKey?: string | null | undefined
  /** Only those below one root. */
  readonly rootId?: string | undefined
  /** Those that take one of these kinds. Omitted: any. */
  readonly kinds?: readonly string[] | undefined
  /** Whether a fitting message is stored. Default false. */
  readonly answered?: boolean | undefined
  /** Labels of the root. */
  readonly labels?: Readonly<Record<string, string>> | undefined
  readonly limit: number
  /** The last one of the page before; it may have been answered. The partition orders questions of one time and id. */
  readonly after?: Pick<OpenQuestion, 'partitionKey' | 'appId' | 'since' | 'n'> | undefined
}

/** An open question, with its run. */
export interface OpenQuestion extends StoredWait {
  readonly partitionKey: string | null
  readonly rootId: string
  readonly appId: string
  readonly answered: boolean
  readonly title: string | undefined
  readonly labels: Readonly<Record<string, string>>
}

/** A page of roots that are to be taken, earliest first. */
export interface DuePage {
  /** Omitted: every partition. */
  readonly partitionKey?: string | null | undefined
  /** Epoch milliseconds, included. Omitted: now, by the clock of the store. */
  readonly before?: number | undefined
  readonly limit: number
  readonly after?:
    | { readonly wakeAt: number; readonly partitionKey: string | null; readonly rootId: string }
    | undefined
}
