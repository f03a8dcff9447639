import type { ActionContext } from '../../action/context.js'
import { codeScopes } from '../../lifecycle/code-scope.js'
import type { CarriedStep } from '../../tracking/tracker.js'
import { reportFault } from '../emit.js'
import type { Carried, EventSource } from '../event-source.js'

// Owns: calling code of an action inside the scopes of the process and of its tracker.
// K1  The code is called exactly once, whatever a scope does. A scope that fails is reported like a tracker that fails.

/** Whether anything surrounds the code of actions: most programs have no scope and pay nothing. */
export const isScoped = ({ tracker }: EventSource): boolean => tracker?.within !== undefined || codeScopes().length > 0

/** In a worker: the texts of an attempt, where a scope needs them. Undefined where it begins at once. */
export function carriedStep(
  { system, appId, path }: EventSource,
  { sequenceId, attempt }: Pick<CarriedStep, 'sequenceId' | 'attempt'>,
): Promise<Carried | undefined> | undefined {
  if (system.carryStep === undefined || !codeScopes().some(({ perStep }) => perStep === true)) return undefined
  return system.carryStep({ runId: system.runId, appId, path, sequenceId, attempt })
}

/**
 * Calls code of an action inside all scopes, the last one innermost, and the tracker inside of them.
 * @param carried the texts that came for it to its worker
 */
export function inScope<T>(
  app: EventSource,
  context: ActionContext,
  code: () => T,
  span: string | undefined,
  carried: Carried | undefined,
): T {
  const { tracker } = app
  let all = code
  if (tracker?.within !== undefined) {
    const inner = all
    all = () => new Guarded(app, inner).run((once) => tracker.within?.(context, once, span))
  }
  const scopes = codeScopes()
  for (let i = scopes.length - 1; i >= 0; i--) {
    const [scope, inner] = [scopes[i], all]
    all = () => new Guarded(app, inner).run((once) => scope?.run(context, once, span, carried))
  }
  return all()
}

/** One call of code inside one scope. K1 */
class Guarded<T> {
  readonly #app: EventSource
  readonly #code: () => T
  #phase: 'made' | 'called' | 'returned' | 'threw' = 'made'
  #result: unknown

  constructor(app: EventSource, code: () => T) {
    this.#app = app
    this.#code = code
  }

  run(surround: (once: () => T) => unknown): T {
    try {
      surround(() => this.#once())
    } catch (error) {
      if (this.#phase !== 'threw' || this.#result !== error) reportFault(this.#app.root, 'a scope of actions', error)
    }
    return this.#once()
  }

  #once(): T {
    if (this.#phase === 'made') {
      this.#phase = 'called'
      try {
        this.#result = this.#code()
        this.#phase = 'returned'
      } catch (error) {
        this.#result = error
        this.#phase = 'threw'
      }
    }
    if (this.#phase === 'called') throw new TypeError('A scope called the code of an action while that ran.')
    if (this.#phase === 'threw') throw this.#result
    return this.#result as T
  }
}
