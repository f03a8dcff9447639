import type { Path } from '../action/context.js'
import type { ErrorData } from './error-data.js'
import type { Payload } from './payload.js'
import type { RunSummary } from './run-summary.js'
import type { BranchStatus, RunStatus, StepStatus } from './status.js'
import type { AppNode, Pending, RunTree, StepRecord } from './tree.js'
import type { WirePath } from './wire-path.js'

/** Filters of runs. All that are given hold; `undefined` is not given. */
export interface RunFilter {
  /** Default null; `'*'`: every partition. */
  readonly partitionKey?: string | null | undefined
  readonly status?: RunStatus | readonly RunStatus[] | undefined
  /** The name of its graph in a host. */
  readonly name?: string | undefined
  readonly labels?: { readonly [name: string]: string } | undefined
  /** Epoch milliseconds, included. */
  readonly createdFrom?: number | undefined
  /** Epoch milliseconds, excluded. */
  readonly createdTo?: number | undefined
  /** `true`: only runs with an application between two attempts. `false` filters nothing. */
  readonly retrying?: boolean | undefined
  /** `true`: only runs with an open question. */
  readonly pending?: boolean | undefined
  /** `true`: only runs with abandoned code. */
  readonly leaked?: boolean | undefined
  /** Part of the id or of the title, whatever its case. */
  readonly text?: string | undefined
}

/** The range of a page. */
export interface Paging {
  /** Maximum number of items, 1 to 1000 (default 50). A page may have fewer while `after` is present. */
  readonly limit?: number | undefined
  /** `after` of the page before. */
  readonly after?: string | undefined
}

/** One page. */
export interface PageOf<T> {
  readonly items: readonly T[]
  /** Gives the next page; opaque, and valid even if its item is deleted. Absent at the end. */
  readonly after?: string
  /** What could not be read: runs that may belong to the list. On its first page; absent where there are none. */
  readonly faults?: readonly ReadFault[]
}

/** A run, or a part of a source, that could not be read. */
export interface ReadFault {
  /** Its id, where the name of its log tells it. */
  readonly runId?: string
  /** Its partition, where it is known. */
  readonly partitionKey?: string | null
  /** Why, without a stack. `fields` of a `LogError` has the `path`. */
  readonly error: ErrorData
}

/** Identifies a run to a reader. */
export interface RunTarget {
  /** The id of its root application. */
  readonly runId: string
  /** Default null. */
  readonly partitionKey?: string | null | undefined
}

/** Identifies an application of a run. */
export interface AppTarget extends RunTarget {
  /** Its path below the root, as segments, as JSON, or printed: `compare/gpt4`. Default: the root. */
  readonly path?: string | Path | WirePath | undefined
}

/** Numbers of runs by status. */
export type RunNumbers = { readonly [S in RunStatus]?: number } & {
  /** The statuses with more runs than were counted. */
  readonly capped?: readonly RunStatus[]
  /** How many runs could not be read; they are in no other number. Absent: none. */
  readonly unreadable?: number
}

/** Options of {@link Reader.describe}. */
export interface DescribeOptions {
  /** Number of branches per status (default 10, at most 1000). */
  readonly first?: number | undefined
  /** Number of levels of applications (default 3): the deepest has maps with numbers and without branches. */
  readonly depth?: number | undefined
}

/** Options of {@link Reader.branches}. */
export interface BranchQuery extends AppTarget, Paging {
  /** The name of the map action. */
  readonly map: string
  /** How often its application had come to the map, from 1. */
  readonly visit: number
  /** Default: the newest that has this visit. */
  readonly epoch?: number | undefined
  /** Default: any. */
  readonly status?: BranchStatus | readonly BranchStatus[] | undefined
}

/** Options of {@link Reader.steps}. */
export interface StepQuery extends AppTarget, Paging {
  /** First number of a step. */
  readonly from?: number | undefined
  /** Last number of a step. */
  readonly to?: number | undefined
  /** Default: any. */
  readonly status?: StepStatus | readonly StepStatus[] | undefined
}

/** Options of {@link Reader.pending}. */
export interface PendingQuery extends Paging {
  /** Default null; `'*'`: every partition. */
  readonly partitionKey?: string | null | undefined
  /** Questions that take one of these kinds. Default: any. */
  readonly kinds?: readonly string[] | undefined
  /** Whether a fitting message is stored (default false). */
  readonly answered?: boolean | undefined
  /** Labels of the run. */
  readonly labels?: { readonly [name: string]: string } | undefined
}

/** Options of {@link Reader.due}. */
export interface DueQuery extends Paging {
  /** Default null; `'*'`: every partition. */
  readonly partitionKey?: string | null | undefined
  /** Epoch milliseconds, included. Default: now, by the clock of the store. */
  readonly before?: number | undefined
}

/**
 * Reads runs: their status, their tree, their steps. A persister is one, and so is a live application. Every reader
 * answers with the same types; what its source cannot tell is absent, and named in `lacks`.
 *
 * Reading changes nothing, takes no claim, and cannot be cancelled. Every method rejects with an `InputError` for a query that it cannot answer, with all
 * faults, and with a {@link PersistenceError} (`unavailable`) when its store is unavailable.
 * @see Burr `BaseStateLoader` in burr/core/persistence.py, and burr/tracking/server/backend.py, which reads logs
 */
export interface Reader {
  /** Runs, newest first. One that cannot be read fails no list: it is in `faults`. */
  list(query?: RunFilter & Paging): Promise<PageOf<RunSummary>>
  /** Numbers of runs by status. @param filter `upTo`: maximum number per status (default 10 000) */
  count(filter?: RunFilter & { readonly upTo?: number | undefined }): Promise<RunNumbers>
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
