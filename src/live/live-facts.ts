import type { Due as LiveDue, Pending as LivePending } from '../lifecycle/pending.js'
import type { AnyResult } from '../parallel/results.js'
import { type CancelData, errorData } from '../read/error-data.js'
import { payloadOf } from '../read/payload.js'
import type { AppNode, Due, Pending } from '../read/tree.js'
import type { WirePath } from '../read/wire-path.js'
import type { LiveApp, LiveRun } from '../runtime/map/branch-handle.js'

// The facts of the engine in the form of readers.

/** A cancel of this process. */
export function cancelData(
  { by, cause, reason, at }: NonNullable<LiveRun['cancellation']>,
  system: { readonly clock: { now(): number }; passed(): number },
): CancelData {
  return { by, cause, reason: payloadOf(reason), at: system.clock.now() - (system.passed() - at) }
}

/** The facts of a branch that has settled. */
export function settledFacts(result: AnyResult): Partial<AppNode> {
  const { index, appId, attempts, startedAt, endedAt } = result
  return {
    appId,
    index,
    attempt: startedAt === undefined ? 0 : attempts,
    ...(startedAt !== undefined && { startedAt }),
    endedAt,
    ...(result.status === 'done' && result.recovered && { recovered: true }),
    ...(result.status === 'failed' && { error: errorData(result.error) }),
  }
}

/** Whether a path begins with another one. */
export const startsWith = (path: LiveApp['path'], head: LiveApp['path']): boolean =>
  head.every(({ map, visit, key }, i) => path[i]?.map === map && path[i]?.visit === visit && path[i]?.key === key)

/** The path of an application as JSON. */
export const wirePath = ({ path }: Pick<LiveApp, 'path'>): WirePath =>
  path.map(({ map, visit, key }) => [map, visit, key])

/** An open question of this process. */
export function pendingOf(one: LivePending): Pending {
  const { ask, schemas, ...rest } = one
  return {
    ...rest,
    path: wirePath(one),
    ...(ask !== undefined && { ask: payloadOf(ask) }),
    ...(schemas !== undefined && { schemas: payloadOf(schemas) as NonNullable<Pending['schemas']> }),
  }
}

/** A time that this process waits for. */
export const dueOf = (one: LiveDue): Due => ({ ...one, path: wirePath(one) })
