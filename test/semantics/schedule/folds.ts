import type { SettledBranch } from 'teasel'
import { doAct, type S, type Site } from './code.js'
import type { MapNest } from './plan.js'
import type { Life } from './world.js'

// The code of a map in a plan: it watches its branches, and folds their results.

/** A `watch` that counts its events and acts. */
export function watcherOf({ world }: Site, { watch }: MapNest): unknown {
  const seen = watch.map(() => 0)
  interface Args {
    readonly event: { readonly type: string }
    readonly cancel?: (key: string, reason: string) => void
    readonly settle?: () => void
  }
  return ({ event, cancel, settle }: Args) => {
    watch.forEach(({ on, after, then }, i) => {
      if (event.type !== on) return
      seen[i] = (seen[i] ?? 0) + 1
      if (seen[i] !== after) return
      if (then.do === 'throw') throw new Error('watch throws')
      if (cancel === undefined) return
      world.trace.add({
        kind: 'cancel',
        door: `watch: ${then.do}`,
        target: then.do === 'cancel' ? then.key : '',
      })
      if (then.do === 'cancel') cancel(then.key, 'watched')
      else settle?.()
    })
  }
}

/** A `reduce` that logs its arguments. */
export function reducerOf(site: Site, nest: MapNest): unknown {
  const { world, pathOf } = site
  interface Args {
    readonly results: readonly SettledBranch<S>[]
    readonly signal: AbortSignal
  }
  const open = ({ results, signal }: Args): Life => {
    const [first] = results
    const path = first === undefined ? '' : (pathOf.get(first.appId) ?? '?')
    const told = results.map((r) => ({
      key: r.key,
      index: r.index,
      status: r.status,
      by: r.status === 'cancelled' ? r.by : undefined,
    }))
    world.trace.add({ kind: 'reduce', path, map: nest.name, results: told })
    return world.begin({ path, name: `reduce of ${nest.name}`, of: 'reduce', limit: undefined, signal })
  }
  const sum = ({ results }: Args): { n: number } => ({
    n: results.reduce((n, r) => n + (r.status === 'done' ? r.state.n : 1), 0) % 1000,
  })
  if (nest.reduce.length === 0) {
    return (args: Args) => {
      world.end(open(args), 'returned')
      return sum(args)
    }
  }
  return async (args: Args) => {
    const life = open(args)
    try {
      for (const act of nest.reduce) await doAct(site, life, act, args.signal)
    } catch (error) {
      world.end(life, 'threw')
      throw error
    }
    world.end(life, 'returned')
    return sum(args)
  }
}

/** A `reduceEach` that logs each of its results. */
export function folderOf(site: Site, nest: MapNest, order: 'settled' | 'declared'): object {
  const { world, pathOf } = site
  interface Args {
    readonly acc: { readonly n: number }
    readonly result: SettledBranch<S>
    readonly signal: AbortSignal
  }
  const reduceEach = async ({ acc, result, signal }: Args): Promise<{ n: number }> => {
    const path = pathOf.get(result.appId) ?? '?'
    world.trace.add({ kind: 'fold', path, map: nest.name, status: result.status })
    const name = `reduce of ${nest.name}`
    const life = world.begin({ path, name, of: 'reduce', limit: undefined, signal })
    try {
      for (const act of nest.reduce) await doAct(site, life, act, signal)
    } catch (error) {
      world.end(life, 'threw')
      throw error
    }
    world.end(life, 'returned')
    return { n: acc.n + 1 }
  }
  return { reduceEach, order, initial: { n: 0 } }
}
