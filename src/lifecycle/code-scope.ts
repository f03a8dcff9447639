import type { ActionContext } from '../action/context.js'

// Owns: what surrounds the code of every action of this process.

/** Surrounds the code of actions with something that follows it through its awaits, such as an AsyncLocalStorage. */
export interface CodeScope {
  /** In a worker: the code of a step waits for the texts of its attempt (`Tracker.carryStep`). */
  readonly perStep?: boolean
  /**
   * Calls `code` once, at once, and returns its result. Called for an action, for each `next` of a generator, for the
   * source, the watch and the reducer of a map, and for the function of a span.
   * @param span id of the span that the code belongs to
   * @param carried in a worker: the texts that the tracker of the owner gave to the branch (`Tracker.carry`), with those of
   *   the attempt laid over them
   */
  run<T>(
    context: ActionContext,
    code: () => T,
    span: string | undefined,
    carried: Readonly<Record<string, string>> | undefined,
  ): T
}

const NONE: readonly CodeScope[] = []
let scopes = NONE

/** The scopes of this process, outermost first. */
export const codeScopes = (): readonly CodeScope[] => scopes

/** Adds a scope, inside of those before it. @returns a function that removes it */
export function addCodeScope(scope: CodeScope): () => void {
  scopes = [...scopes, scope]
  return () => {
    scopes = scopes.filter((one) => one !== scope)
  }
}
