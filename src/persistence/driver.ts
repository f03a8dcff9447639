// The port: what a store must do. Drivers move rows and know nothing of what is in them.

/** The value now, or a promise of it. A driver that can answer at once does. */
export type Awaitable<T> = T | Promise<T>

/** Names a tree of applications in a store. */
export interface RootKey {
  /** Keeps the applications of one user, tenant or test apart from others; null is a partition too. */
  readonly partitionKey: string | null
  readonly rootId: string
}

/** One row: append-only, one per committed step. */
export interface Row {
  readonly appId: string
  /** Its place among the rows of its application: 0, 1, 2 … A row whose place is taken is refused, unless it is `over`. */
  readonly index: number
  /** `full`: the whole state. `patch`: what changed since the row before. `note`: anything else. */
  readonly kind: 'full' | 'patch' | 'note'
  /** Grows with each rewind. */
  readonly epoch: number
  /** The number of the last committed step, this one included; -1 before the first. */
  readonly sequenceId: number
  /** The action of the step; of anything else: what it is. */
  readonly label: string
  /** Orders all rows of a tree: epoch milliseconds × 1024 and more. */
  readonly order: number
  readonly data: string
  /** Only as it is saved: it takes the place of the note that is there. */
  readonly over?: true
}

/** A row without its data. */
export type RowFacts = Omit<Row, 'data' | 'over'>

/** A message that waits in the inbox of an application. */
export interface Posted {
  readonly id: number
  readonly data: string
}

/** A message, and the application that it is for. */
export interface Addressed extends Posted {
  readonly appId: string
}

/** What is stored of one application: its rows from the last full one on, in order, and its inbox. */
export interface Tail {
  readonly rows: readonly Row[]
  readonly inbox: readonly Posted[]
}

/** Rows to append: all or none. */
export interface Group extends RootKey {
  /** Who appends: refused when another has claimed the tree. */
  readonly writer: string
  readonly rows: readonly Row[]
  /** Messages that the step took: gone with it. */
  readonly taken?: readonly number[]
}

/** Up to which row to load: the last one of that step; of the newest epoch that has it, unless another is named. */
export interface Until {
  readonly sequenceId: number
  readonly epoch?: number | undefined
}

/** One application as it is listed. */
export interface StoredApp {
  readonly appId: string
  /** When its first row was written, epoch milliseconds. */
  readonly createdAt: number
}

/** Which applications to list. */
export interface ListOptions {
  /** Default null. */
  readonly partitionKey?: string | null
  /** At most this many (default 100). */
  readonly limit?: number
  /**
   * Those that were made before this one: the last of the page before. Where it is deleted by then, others of its
   * millisecond come again. Default: from the newest on.
   */
  readonly after?: StoredApp
}

/** What {@link PersisterDriver.claim} answers. */
export interface Claim {
  /** How often the tree was claimed before: 0 for a new one. */
  readonly incarnation: number
  /** Who had it. */
  readonly before: string | undefined
}

/**
 * What a store must do, for {@link createPersister}. Prove one with the contract suite of `teasel/testing`.
 *
 * Every method throws, or rejects with, a `PersistenceError`: `taken-over` when the tree is another's, `conflict` when
 * a row's place is taken, `unavailable` for anything that may pass.
 */
export interface PersisterDriver {
  /** For messages: `memory`, `sqlite app.db`. */
  readonly name: string
  /** Makes `writer` the only one who may append below a root, from now on. */
  claim(root: RootKey, writer: string): Awaitable<Claim>
  /** Appends all rows and removes the messages taken, or does nothing. Durable when it answers. */
  save(group: Group): Awaitable<void>
  /** @returns a tail for each id, in their order; undefined where nothing is stored */
  load(partitionKey: string | null, appIds: readonly string[], until?: Until): Awaitable<readonly (Tail | undefined)[]>
  /** All rows of an application without their data, in order. */
  history(partitionKey: string | null, appId: string): Awaitable<readonly RowFacts[]>
  /** The root applications of a partition, newest first. */
  list(options: ListOptions): Awaitable<readonly StoredApp[]>
  /** Forgets a root and all below it. @returns whether there was one */
  delete(root: RootKey): Awaitable<boolean>
  /** Puts a message into the inbox of an application. Needs no claim. Durable when it answers. @returns its id */
  post(root: RootKey, appId: string, data: string): Awaitable<number>
  /** All messages that wait below a root, oldest first. Asked again and again while something waits for one. */
  inbox(root: RootKey): Awaitable<readonly Addressed[]>
  /**
   * Calls back soon after a message is stored below a root, by any process. It may call once too often or miss one: the
   * inbox is also polled. Omit it where the store has no notifications.
   * @returns a function that ends it
   */
  watch?(root: RootKey, posted: () => void): () => void
  /** Lets go of the store. */
  close(): Awaitable<void>
}
