import type {
  AppSummary,
  BelowCount,
  BelowPage,
  DuePage,
  OpenQuestion,
  RunCounts,
  RunPage,
  RunQuery,
  StoredBelow,
  StoredRun,
  WaitPage,
} from './summary.js'

// The port to a store. Drivers move rows; their content is opaque to them.

/** A value, or a promise of it. A synchronous driver returns values. */
export type Awaitable<T> = T | Promise<T>

/** Identifies a tree of applications in a store. */
export interface RootKey {
  /** Separates the applications of one user, tenant or test from others; null is a partition too. */
  readonly partitionKey: string | null
  readonly rootId: string
}

/** One row of an application. Rows are append-only: one per committed step, and notes. */
export interface Row {
  readonly appId: string
  /**
   * Its index among the rows of its application, from 0 without gaps. A taken index is refused, unless the row is
   * `over`.
   */
  readonly index: number
  /** `full`: the whole state. `patch`: the changes since the row before. `note`: anything else. */
  readonly kind: 'full' | 'patch' | 'note'
  /** Increases with each rewind. */
  readonly epoch: number
  /** The number of the last committed step, this row included; -1 before the first. */
  readonly sequenceId: number
  /** The action of the step, or the kind of another row. */
  readonly label: string
  /** Position among all rows of a tree: epoch milliseconds × 1024, increased to stay unique. */
  readonly order: number
  /** JSON, which a driver keeps as it is. */
  readonly data: string
  /** Only in `save`: the row replaces the note at its index. */
  readonly over?: true
}

/** A row without its data. */
export type RowFacts = Omit<Row, 'data' | 'over'>

/** A message in the inbox of an application. */
export interface Posted {
  readonly id: number
  /** JSON, which a driver keeps as it is. */
  readonly data: string
}

/** A message, and its receiver. */
export interface Addressed extends Posted {
  readonly appId: string
}

/** One stored application: its rows from the last full one on, in order, and its inbox. */
export interface Tail {
  readonly rows: readonly Row[]
  readonly inbox: readonly Posted[]
}

/** Rows to append, all or none. */
export interface Group extends RootKey {
  /** Id of the runner. The group is refused when another runner has claimed the tree. */
  readonly writer: string
  readonly rows: readonly Row[]
  /** Ids of messages that the step took: removed with it. */
  readonly taken?: readonly number[]
  /** Summaries of applications of the tree, stored with the rows. A group may have summaries and no rows. */
  readonly summaries?: readonly AppSummary[]
  /** Renews the lease of the writer to this many milliseconds from now; 0 ends it. Omitted: unchanged. */
  readonly leaseMs?: number
}

/** The last row to load: the row of a step. Without `epoch`, of the newest epoch that has it. */
export interface Until {
  readonly sequenceId: number
  readonly epoch?: number | undefined
}

/** The result of {@link PersisterDriver.claim}. */
export interface Claim {
  /** Number of earlier claims of the tree: 0 for a new one. */
  readonly incarnation: number
  /** The runner that had claimed it. */
  readonly before: string | undefined
}

/** The way to claim a tree. */
export interface ClaimOptions {
  /**
   * For the store of a map: the incarnation that the store of the root gave to this runner. A lower one than in an
   * earlier claim is refused as `taken-over`, so that a runner that lost the root cannot claim it here.
   */
  readonly fence?: number | undefined
  /** The lease from now on, in milliseconds. Default 0: none. */
  readonly leaseMs?: number | undefined
  /** Whether it is refused as `held` while the lease of another runner lives. Default false: the last claim wins. */
  readonly free?: boolean | undefined
  /** Describes the runner, for people; JSON. */
  readonly worker?: string | undefined
}

/** The rows of an application from one on. */
export interface RowPage {
  /** Index of the first row. */
  readonly from: number
  readonly limit: number
}

/**
 * The port to a store, for {@link createPersister}. Test a driver with the contract suite of `teasel/testing`.
 *
 * Every method throws or rejects with a `PersistenceError`: `taken-over` when another runner has claimed the tree,
 * `conflict` when the index of a row is taken, `unavailable` for a fault that may pass.
 */
export interface PersisterDriver {
  /** Its name in messages: `memory`, `sqlite app.db`. */
  readonly name: string
  /**
   * Whether processes on other machines can open the same store, as they can with a server. Omitted: they cannot, such
   * as with a file or the memory of a process.
   */
  readonly shared?: boolean
  /**
   * Makes `writer` the only runner that may append below a root. A runner that claims a tree again keeps it.
   * @throws {PersistenceError} `held` when another runner holds it and `free` was asked
   */
  claim(root: RootKey, writer: string, options?: ClaimOptions): Awaitable<Claim>
  /**
   * Renews the lease of a runner, and keeps what it reports about branches that have no rows yet.
   * @param data JSON, at most 8 kB; null keeps the one before
   * @returns the end of the lease by the clock of the store, epoch milliseconds
   * @throws {PersistenceError} `taken-over` when another runner has claimed the tree
   */
  beat(root: RootKey, writer: string, leaseMs: number, data: string | null): Awaitable<number>
  /**
   * Appends all rows, removes the taken messages and stores the summaries, or does nothing. Durable when it returns or
   * resolves. Questions that a summary brings are answered by messages that are there: see {@link AppSummary}.
   */
  save(group: Group): Awaitable<void>
  /** @returns a tail for each id, in their order; undefined if nothing is stored */
  load(partitionKey: string | null, appIds: readonly string[], until?: Until): Awaitable<readonly (Tail | undefined)[]>
  /** All rows of an application, in order, without their data. */
  history(partitionKey: string | null, appId: string): Awaitable<readonly RowFacts[]>
  /** Rows of an application with their data, in order, whatever their epoch. */
  rows(partitionKey: string | null, appId: string, page: RowPage): Awaitable<readonly Row[]>
  /** The root applications that have rows, newest first. */
  list(page: RunPage): Awaitable<readonly StoredRun[]>
  /** One root application; undefined if it has no rows. */
  find(root: RootKey): Awaitable<StoredRun | undefined>
  /** Number of roots by status. @param upTo counts no further in each status */
  count(query: RunQuery, upTo: number): Awaitable<RunCounts>
  /** Applications below one application. */
  below(page: BelowPage): Awaitable<readonly StoredBelow[]>
  /** Numbers of applications below one application. */
  countBelow(partitionKey: string | null, parentId: string): Awaitable<readonly BelowCount[]>
  /** Summaries of single applications of any kind: one for each id, in their order; undefined if there is none. */
  summaries(
    partitionKey: string | null,
    appIds: readonly string[],
  ): Awaitable<readonly (Omit<AppSummary, 'waits' | 'taken' | 'wake'> | undefined)[]>
  /** Open questions. */
  waits(page: WaitPage): Awaitable<readonly OpenQuestion[]>
  /** Roots that are to be taken. */
  due(page: DuePage): Awaitable<readonly StoredRun[]>
  /** Deletes a root and everything below it. @returns whether there was one */
  delete(root: RootKey): Awaitable<boolean>
  /**
   * Stores a message in the inbox of an application. Needs no claim. Durable when it returns or resolves.
   *
   * The oldest open question of the application that takes its kind and has no answer is answered by it; a root that
   * waits is then due at once.
   * @returns its id
   */
  post(root: RootKey, appId: string, data: string, kind?: string): Awaitable<number>
  /** All messages below a root, oldest first. Polled while something waits for one. */
  inbox(root: RootKey): Awaitable<readonly Addressed[]>
  /**
   * Calls back soon after any process stores a message below a root. It may call too often or miss one: the inbox is
   * also polled. Omit it if the store has no notifications.
   * @returns a function that ends it
   */
  watch?(root: RootKey, posted: () => void): () => void
  /**
   * Calls back soon after any process has stored something that may make a root due: a message that answers an open
   * question, a summary of a root that is queued, waits until a time, is interrupted or has ended, or the end of a
   * lease. It does not call when a time is reached or a lease runs out. It may call too often or miss one: `due` is
   * also polled. Omit it if the store has no notifications.
   * @returns a function that ends it
   */
  watchDue?(due: () => void): () => void
  /** Releases the store. */
  close(): Awaitable<void>
}
