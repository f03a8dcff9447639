import type { SettlePolicy } from 'teasel'

// A schedule as plain data: a tree of maps, graphs and leaves, its reader, and the events from outside during the run.
// All of it follows from the seed.

/** One act of the code of a leaf, of a source or of `reduce`. */
export type Act =
  /** Waits until the scheduler continues it; deaf code ignores its signal meanwhile. */
  | { readonly do: 'pause'; readonly deaf: boolean; readonly fails: boolean }
  | { readonly do: 'sleep'; readonly ms: number; readonly deaf: boolean }
  | { readonly do: 'chunk'; readonly times: number }
  /** Awaits a resolved promise. */
  | { readonly do: 'spin'; readonly times: number }
  | { readonly do: 'cancel'; readonly key: string }
  /** Cancels an application above its own, by the path. */
  | { readonly do: 'cancel-above'; readonly up: number }
  | { readonly do: 'send'; readonly key: string }
  | { readonly do: 'broadcast' }
  | { readonly do: 'hear'; readonly times: number }
  | { readonly do: 'receive' }
  | { readonly do: 'log' }
  | { readonly do: 'throw' }
  /** Creates an application, and awaits it unless careless. */
  | { readonly do: 'app'; readonly nest: Nest; readonly careless: boolean }

/** Retry, fallback and time limit of an action or a branch. */
export interface Mercy {
  readonly attempts: number
  readonly delayMs: number
  readonly timeoutMs: number | undefined
  readonly fallback: boolean
}

/** Plain code. */
export interface Leaf {
  readonly kind: 'leaf'
  readonly name: string
  readonly mode: 'sync' | 'async' | 'stream'
  readonly acts: readonly Act[]
  /** In its `finally`. */
  readonly cleanup: readonly Act[]
  readonly mercy: Mercy | undefined
}

/** The reaction of a `watch` after a number of events of a type. */
export interface WatchRule {
  readonly on: 'chunk' | 'step.end' | 'branch.settled' | 'message'
  readonly after: number
  readonly then: { readonly do: 'cancel'; readonly key: string } | { readonly do: 'settle' } | { readonly do: 'throw' }
}

export interface Child {
  readonly key: string
  readonly nest: Nest
  readonly mercy: Mercy | undefined
}

/** A map action. */
export interface MapNest {
  readonly kind: 'map'
  readonly name: string
  readonly form: 'actions' | 'states' | 'tasks'
  readonly source: 'array' | 'record' | 'generator' | 'async generator'
  readonly children: readonly Child[]
  /** Acts of a generator before each entry, and in its `finally`. */
  readonly before: readonly Act[]
  readonly closing: readonly Act[]
  readonly fault: 'none' | 'duplicate' | 'throws'
  readonly policy: SettlePolicy
  readonly window: number | undefined
  /** The shared limit. */
  readonly limit: number | undefined
  readonly graceMs: number | undefined
  readonly watch: readonly WatchRule[]
  /** All at the end, or each as it settles or as it was declared. */
  readonly fold: 'all' | 'settled' | 'declared'
  /** Acts of `reduce`, or of each call of `reduceEach`. */
  readonly reduce: readonly Act[]
}

/** A graph of steps one after another, several times over. */
export interface GraphNest {
  readonly kind: 'graph'
  readonly name: string
  readonly steps: readonly Nest[]
  readonly laps: number
  /** The next action when its first step fails. */
  readonly rescue: Leaf | undefined
}

export type Nest = Leaf | MapNest | GraphNest

/** The caller of the application, and its way to read. */
export type Reader =
  | { readonly kind: 'run' }
  /** Returns when all that is left waits for a message from outside, and joins again after one. */
  | { readonly kind: 'return' }
  | { readonly kind: 'steps' }
  /** Leaves the loop after a number of reads, if given. */
  | { readonly kind: 'stream' | 'iterate'; readonly leaves: number | undefined }

/** The target of an event from outside, found when it happens. */
export type Aim = 'root' | 'running' | 'queued' | 'settled' | 'unknown'

/** An event from outside, from a turn on. */
export type Move = { readonly from: number } & (
  | { readonly do: 'cancel'; readonly aim: Aim }
  | { readonly do: 'send'; readonly aim: Aim }
  /** Cancels the map of a branch. */
  | { readonly do: 'cancel-map' }
  | { readonly do: 'abort' | 'dispose' | 'actor-cancel' | 'run-again' }
  /** A settled branch reports its end once more, as a remote one may. */
  | { readonly do: 'echo' }
)

/** Interceptors: their hooks, their pauses, and whether they throw. */
export interface Interception {
  readonly at: 'beforeRun' | 'afterRun' | 'beforeStep' | 'afterStep' | 'beforeBranch' | 'afterBranch'
  readonly waits: boolean
  /** The reciprocal of the probability to throw; 0: none. */
  readonly throws: number
  readonly onFault: 'report' | 'fail'
}

/** Weights of the scheduler's choices. */
export interface Pace {
  readonly pause: number
  readonly timer: number
  readonly read: number
  readonly move: number
  /** Probability that a slice is over after a step. */
  readonly busy: boolean
}

/** All of one schedule. */
export interface Plan {
  readonly seed: number
  readonly root: GraphNest
  readonly limits: readonly number[]
  /** The limit of the whole application. */
  readonly concurrency: number | undefined
  readonly graceMs: number
  readonly reader: Reader
  readonly moves: readonly Move[]
  readonly interceptions: readonly Interception[]
  readonly pace: Pace
  /** Runs once more after the first run has ended. */
  readonly again: boolean
}
