import { type InterceptedStep, type Interceptor, printPath } from 'teasel'
import type { Observed } from './observed.js'
import type { Interception } from './plan.js'
import type { World } from './world.js'

/**
 * The delay between an action's return and the end of its step: a save. A pending after-interceptor is one, and so is a
 * persister.
 */
function savingInterceptor(world: World, observed: Observed, { throws, onFault }: Interception): Interceptor {
  const fails = everyNth(throws)
  const save = async ({ path, action }: InterceptedStep): Promise<void> => {
    const where = printPath(path)
    observed.saving.add(where)
    try {
      await world.pause({ label: `save of ${where === '' ? action : `${where} ${action}`}` })
    } finally {
      observed.saving.delete(where)
    }
    if (fails()) throw new Error('the save failed')
  }
  return { name: 'saver', onFault, afterStep: save }
}

/** Any other interceptor of a plan. */
export function interceptor(world: World, observed: Observed, made: Interception): Interceptor {
  const { at, waits, throws, onFault } = made
  if (at === 'afterStep' && waits) return savingInterceptor(world, observed, made)
  const fails = everyNth(throws)
  const refuse = (): void => {
    if (fails()) throw new Error(`${at} throws`)
  }
  const told = (args: object): string => {
    const { path, action, key } = args as Partial<InterceptedStep & { readonly key: string }>
    return [at, printPath(path ?? []), action ?? key ?? ''].filter((part) => part !== '').join(' ')
  }
  const hook = waits ? (args: object) => world.pause({ label: told(args) }).then(refuse) : refuse
  return { name: 'other', onFault, [at]: hook }
}

function everyNth(n: number): () => boolean {
  let count = 0
  return () => n > 0 && ++count % n === 0
}
