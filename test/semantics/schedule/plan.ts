import type { SettlePolicy } from 'teasel'

// What a schedule is made of, as plain data: a tree of maps, graphs and leaves, who reads it, and what happens from
// outside while it runs. All of it follows from the seed.

/** One thing that the code of a leaf, of a source or of `reduce` does. */
export type Act =
  /** Waits until the scheduler lets it go on; deaf code ignores its signal meanwhile. */
  | { readonly do: 'pause'; readonly deaf: boolean; readonly fails: boolean }
  | { readonly do: 'sleep'; readonly ms: number; readonly deaf: boolean }
  | { readonly do: 'chunk'; readonly times: number }
  /** Awaits something that is there already. */
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
  /** Makes an application by hand, and awaits it unless careless. */
  | { readonly do: 'app'; readonly nest: Nest; readonly careless: boolean }

/** What becomes of a failure, of an action or of a branch. */
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

/** What a `watch` does when it has seen so many events of a type. */
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
  /** What a generator does before each entry, and in its `finally`. */
  readonly before: readonly Act[]
  readonly closing: readonly Act[]
  readonly fault: 'none' | 'duplicate' | 'throws'
  readonly policy: SettlePolicy
  readonly window: number | undefined
  /** Which of the shared limits. */
  readonly limit: number | undefined
  readonly graceMs: number | undefined
  readonly watch: readonly WatchRule[]
  /** All at the end, or each as it settles or as it was declared. */
  readonly fold: 'all' | 'settled' | 'declared'
  /** What `reduce` does, or each call of `reduceEach`. */
  readonly reduce: readonly Act[]
}

/** A graph of steps one after another, several times over. */
export interface GraphNest {
  readonly kind: 'graph'
  readonly name: string
  readonly steps: readonly Nest[]
  readonly laps: number
  /** Where it goes when its first step fails. */
  readonly rescue: Leaf | undefined
}

export type Nest = Leaf | MapNest | GraphNest

/** Who runs the application, and how it is read. */
export type Reader =
  | { readonly kind: 'run' }
  /** Comes back when all that is left waits for a message from outside, and runs on after one. */
  | { readonly kind: 'return' }
  | { readonly kind: 'steps' }
  /** Leaves the loop after so many, if it does. */
  | { readonly kind: 'stream' | 'iterate'; readonly leaves: number | undefined }

/** Which application something from outside is aimed at, found when it happens. */
export type Aim = 'root' | 'running' | 'queued' | 'settled' | 'unknown'

/** Something that happens from outside, from a turn on. */
export type Move = { readonly from: number } & (
  | { readonly do: 'cancel'; readonly aim: Aim }
  | { readonly do: 'send'; readonly aim: Aim }
  | { readonly do: 'abort' | 'dispose' | 'actor-cancel' | 'run-again' }
  /** A settled branch says once more how it ended, as a remote one may. */
  | { readonly do: 'echo' }
)

/** Where interceptors stand, what they wait for, and whether they throw. */
export interface Interception {
  readonly at: 'beforeRun' | 'afterRun' | 'beforeStep' | 'afterStep' | 'beforeBranch' | 'afterBranch'
  readonly waits: boolean
  /** One in so many throws; 0: none. */
  readonly throws: number
  readonly onFault: 'report' | 'fail'
}

/** How likely the scheduler picks what, where several things can happen. */
export interface Pace {
  readonly pause: number
  readonly timer: number
  readonly read: number
  readonly move: number
  /** How often a step border finds its slice over. */
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
