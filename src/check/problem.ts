import { type Path, printPath } from '../action/context.js'
import { messageOf, toError } from '../internal/guards.js'

/**
 * The kind of a fault.
 *
 * - `graph`: there is no graph for the run, or its graph cannot start with the given options.
 * - `record`: a record cannot be read.
 * - `version`: the record is newer than the code.
 * - `migrate`: `migrate` threw, or returned no record.
 * - `schema`: the stored state does not fit the schema.
 * - `transition`: the next action has to be chosen anew, and a condition cannot be evaluated.
 * - `action`: the graph lacks the action at which the run stands.
 * - `reads`: the next action requires a key that is not set.
 * - `inputs`: the next action requires an input that is not given, or refuses one.
 * - `source`: the source of a map threw, or gives no valid branches.
 * - `entries`: the source of an unfinished map gives other branches than the recorded ones.
 * - `branch`: a branch cannot start on its first state.
 * - `settle`: the stored results of the branches make the map fail before another branch starts.
 */
export type ProblemCode =
  | 'graph'
  | 'record'
  | 'version'
  | 'migrate'
  | 'schema'
  | 'transition'
  | 'action'
  | 'reads'
  | 'inputs'
  | 'source'
  | 'entries'
  | 'branch'
  | 'settle'

/** One reason why a stored run would not go on. */
export interface StoredProblem {
  readonly code: ProblemCode
  /**
   * `resume`: `resumeOrCreate` rejects. `step`: `resumeOrCreate` resolves, and the next step fails before the code of
   * its action begins.
   */
  readonly when: 'resume' | 'step'
  /** The message of `error`. */
  readonly message: string
  /** The printed path of the branch: `compare/gpt4`; empty for the run itself. */
  readonly path: string
  /** The action at fault, if it is about one. */
  readonly action: string | undefined
  /** The error that the resume or the step would fail with; a thrown value that is no error is its `cause`. */
  readonly error: Error
}

/** A part of a stored run that only running it can tell. */
export interface StoredUnknown {
  /** The printed path of the branch; empty for the run itself. */
  readonly path: string
  readonly action: string
  readonly message: string
}

/** A place of a fault. */
export interface Place {
  readonly path: Path
  readonly action: string | undefined
}

/** The findings about one run. */
export class Findings {
  readonly problems: StoredProblem[] = []
  readonly unknown: StoredUnknown[] = []
  /** Printed paths of stored work that is not used. */
  readonly unused: string[] = []
  /** Whether `migrate` has converted a record. */
  migrated = false

  add(code: ProblemCode, when: StoredProblem['when'], { path, action }: Place, thrown: unknown): void {
    const error = toError(thrown)
    this.problems.push({ code, when, message: messageOf(thrown), path: printPath(path), action, error })
  }

  /** Does a piece of work; its error becomes a problem. @returns undefined where it failed */
  attempt<T>(code: ProblemCode, at: Place, work: () => T): { readonly value: T } | undefined {
    try {
      return { value: work() }
    } catch (error) {
      this.add(code, 'step', at, error)
      return undefined
    }
  }

  cannotTell({ path }: Place, action: string, message: string): void {
    this.unknown.push({ path: printPath(path), action, message })
  }

  /** The stored work of a map or a branch runs again, or is dropped. */
  notUsed(path: Path): void {
    this.unused.push(printPath(path))
  }

  /** Takes over the findings about a part of the run. */
  join({ problems, unknown, unused }: Findings): void {
    for (const path of unused) this.unused.push(path)
    for (const one of problems) this.problems.push(one)
    for (const one of unknown) this.unknown.push(one)
  }
}
