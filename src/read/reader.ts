import type { Path } from '../action/context.js'
import type { Payload } from './payload.js'
import type { RunSummary } from './run-summary.js'
import type { BranchStatus, RunStatus, StepStatus } from './status.js'
import type { AppNode, Pending, RunTree, StepRecord } from './tree.js'
import type { WirePath } from './wire-path.js'

/** Filters of runs. All that are given hold. */
export interface RunFilter {
  /** Default null; `'*'`: every partition. */
  readonly partitionKey?: string | null
  readonly status?: RunStatus | readonly RunStatus[]
  /** The name of its graph in a host. */
  readonly name?: string
  readonly labels?: { readonly [name: string]: string }
  /** Epoch milliseconds, included. */
  readonly createdFrom?: number
  /** Epoch milliseconds, excluded. */
  readonly createdTo?: number
  /** Runs with an application between two attempts. */
  readonly retrying?: boolean
  /** Runs with an open question. */
  readonly pending?: boolean
  /** Runs with abandoned code. */
  readonly leaked?: boolean
  /** Part of the id or of the title, whatever its case. */
  readonly text?: string
}

/** The range of a page. */
export interface Paging {
  /** Maximum number of items, 1 to 1000 (default 50). A page may have fewer while `after` is present. */
  readonly limit?: number
  /** `after` of the page before. */
  readonly after?: string
}

/** One page. */
export interface PageOf<T> {
  readonly items: readonly T[]
  /** Gives the next page; opaque, and valid even if its item is deleted. Absent at the end. */
  readonly after?: string
}

/** Identifies a run to a reader. */
export interface RunTarget {
  /** The id of its root application. */
  readonly runId: string
  /** Default null. */
  readonly partitionKey?: string | null
}

/** Identifies an application of a run. */
export interface AppTarget extends RunTarget {
  /** Its path below the root, as segments, as JSON, or printed: `compare/gpt4`. Default: the root. */
  readonly path?: string | Path | WirePath
}

/** Numbers of runs by status. */
export type RunNumbers = { readonly [S in RunStatus]?: number } & {
  /** The statuses with more runs than were counted. */
  readonly capped?: readonly RunStatus[]
}

/** Options of {@link Reader.describe}. */
export interface DescribeOptions {
  /** Number of branches per status (default 10, at most 1000). */
  readonly first?: number
  /** Number of levels of applications (default 3): the deepest has maps with numbers and without branches. */
  readonly depth?: number
}

/** Options of {@link Reader.branches}. */
export interface BranchQuery extends AppTarget, Paging {
  readonly map: string
  readonly visit: number
  /** Default: the newest that has this visit. */
  readonly epoch?: number
  /** Default: any. */
  readonly status?: BranchStatus | readonly BranchStatus[]
}

/** Options of {@link Reader.steps}. */
export interface StepQuery extends AppTarget, Paging {
  /** First number of a step. */
  readonly from?: number
  /** Last number of a step. */
  readonly to?: number
  /** Default: any. */
  readonly status?: StepStatus | readonly StepStatus[]
}

/** Options of {@link Reader.pending}. */
export interface PendingQuery extends Paging {
  /** Default null; `'*'`: every partition. */
  readonly partitionKey?: string | null
  /** Questions that take one of these kinds. Default: any. */
  readonly kinds?: readonly string[]
  /** Whether a fitting message is stored (default false). */
  readonly answered?: boolean
  /** Labels of the run. */
  readonly labels?: { readonly [name: string]: string }
}

/** Options of {@link Reader.due}. */
export interface DueQuery extends Paging {
  /** Default null; `'*'`: every partition. */
  readonly partitionKey?: string | null
  /** Epoch milliseconds, included. Default: now, by the clock of the store. */
  readonly before?: number
}

/**
 * Reads runs: their status, their tree, their steps. A persister is one, and so is a live application. Every reader
 * answers with the same types; what its source cannot tell is absent, and named in `lacks`.
 *
 * Reading changes nothing. Every method rejects with an `InputError` for a query that it cannot answer, with all
 * faults, and with a {@link PersistenceError} (`unavailable`) when its store is unavailable.
 */
export interface Reader {
  /** Runs, newest first. */
  list(query?: RunFilter & Paging): Promise<PageOf<RunSummary>>
  /** Numbers of runs by status. @param filter `upTo`: maximum number per status (default 10 000) */
  count(filter?: RunFilter & { readonly upTo?: number }): Promise<RunNumbers>
  /** A run and what is below it, or a part of it. Undefined when there is no such run or path. */
  describe(ref: AppTarget & DescribeOptions): Promise<RunTree | undefined>
  /** The branches of one visit of a map, past ones too, in declaration order. */
  branches(query: BranchQuery): Promise<PageOf<AppNode>>
  /** The steps of an application in the order of writing, earlier epochs included. */
  steps(query: StepQuery): Promise<PageOf<StepRecord>>
  /**
   * The state of an application in the form of the codec: the newest, or the one after a step. Undefined when it is not
   * stored.
   */
  state(ref: AppTarget & { readonly sequenceId?: number; readonly epoch?: number }): Promise<Payload | undefined>
  /** Open questions, oldest first. */
  pending(query?: PendingQuery): Promise<PageOf<Pending>>
  /** Runs that a runner is to continue, earliest first: queued, with a time that has come, answered, or interrupted. */
  due(query?: DueQuery): Promise<PageOf<RunSummary>>
}
