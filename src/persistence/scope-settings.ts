import type { Clock } from '../internal/clock.js'
import type { PersisterDriver } from './driver.js'
import type { InboxWatch } from './inbox-watch.js'
import type { StoredRecord } from './stored-record.js'

// Owns: the settings that the applications of a tree share.

/** The policy of saving steps. */
export type SavePolicy = 'every-step' | 'settle' | 'manual' | { readonly after: readonly string[] }

/** Settings of a store that a tree of applications shares. */
export interface ScopeSettings {
  readonly driver: PersisterDriver
  readonly partitionKey: string | null
  readonly rootId: string
  readonly writer: string
  readonly clock: Clock
  readonly policy: SavePolicy
  readonly transient: ReadonlySet<string>
  readonly version: number
  readonly whenUnavailable: 'fail' | 'wait'
  /** Behaviour when the source of a resumed map returns different branches. */
  readonly changedTasks: 'error' | 'adopt'
  readonly migrate: ((record: MigratedRecord, fromVersion: number) => MigratedRecord) | undefined
  /** In a worker: migrates a record where `migrate` is. */
  readonly migrateElsewhere?: ((record: StoredRecord) => Promise<StoredRecord>) | undefined
  /** Polls for messages of other processes. */
  readonly watch: InboxWatch
  /** `free`: a tree that another runner holds is not taken. */
  readonly claim: 'take' | 'free'
  readonly leaseMs: number
  /** Describes the runner; JSON. */
  readonly worker: string
  readonly about: RootFacts
  readonly start: StartFacts | undefined
}

/** What a host or a queue stores with a new root, for every process that runs it later. */
export interface StartFacts {
  /** The inputs that it gives to every run, encoded. */
  readonly inputs: string
  /** The root is due from then on, epoch milliseconds. Default: at once. */
  readonly at?: number | undefined
  /** The priority of its jobs. */
  readonly priority?: number | undefined
  /** What its tracker gives along: {@link Tracker.carryRun}. */
  readonly carried?: Readonly<Record<string, string>> | undefined
}

/** The facts of a root that lists show and find. */
export interface RootFacts {
  /** The name of its graph in a host. */
  readonly name: string | undefined
  readonly title: string | undefined
  readonly labels: Readonly<Record<string, string>> | undefined
}

/** The facts of a root as its store has them. */
export interface KnownRoot extends RootFacts {
  /** When it was first stored, epoch milliseconds. Undefined for a new one. */
  readonly createdAt?: number | undefined
  /** When its first run began. */
  readonly startedAt?: number | undefined
}

/** The given facts of a root, and the stored ones in place of those that were not given. */
export const rootFacts = (given: RootFacts, stored: Partial<KnownRoot>): KnownRoot => ({
  ...stored,
  name: given.name ?? stored.name,
  title: given.title ?? stored.title,
  labels: given.labels ?? stored.labels,
})

/** The argument and the result of `migrate`: the checkpoint of an application. */
export interface MigratedRecord {
  readonly state: Readonly<Record<string, unknown>>
  /** The last committed action. */
  readonly position: string | undefined
  /** The action that runs next; undefined if nothing is left. */
  readonly next: string | undefined
  /** For a branch: its map action and its key. The result of `migrate` may omit it. */
  readonly branch?: { readonly map: string; readonly key: string }
}
