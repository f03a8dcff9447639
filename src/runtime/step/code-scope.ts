import type { ActionContext } from '../../action/context.js'
import { codeScopes } from '../../lifecycle/code-scope.js'
import { reportFault } from '../emit.js'
import type { EventSource } from '../event-source.js'

// Owns: calling code of an action inside the scopes of the process and of its tracker.
// K1  The code is called exactly once, whatever a scope does. A scope that fails is reported like a tracker that fails.

/** Whether anything surrounds the code of actions: most programs have no scope and pay nothing. */
export const isScoped = ({ tracker }: EventSource): boolean => codeScopes().length > 0 || tracker?.within !== undefined

/** Calls code of an action inside all scopes. */
export function inScope<T>(app: EventSource, context: ActionContext, code: () => T, span?: string): T {
  const { tracker } = app
  let all = code
  if (tracker?.within !== undefined) all = guarded(app, (inner) => tracker.within?.(context, inner, span), all)
  for (const scope of [...codeScopes()].reverse()) all = guarded(app, (inner) => scope.run(context, inner, span), all)
  return all()
}

type Returned<T> = { readonly value: T } | { readonly error: unknown } | undefined

/** K1 */
const guarded =
  <T>(app: EventSource, surround: (code: () => T) => unknown, code: () => T): (() => T) =>
  () => {
    let returned: Returned<T>
    const once = (): T => {
      if (returned === undefined) {
        returned = { error: new TypeError('A scope called the code of an action while that ran.') }
        try {
          returned = { value: code() }
        } catch (error) {
          returned = { error }
        }
      }
      if ('error' in returned) throw returned.error
      return returned.value
    }
    try {
      surround(once)
    } catch (error) {
      if (returned === undefined || !('error' in returned) || returned.error !== error)
        reportFault(app.root, 'a scope of actions', error)
    }
    return once()
  }
