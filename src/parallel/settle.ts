import { assertNever, isObject } from '../internal/guards.js'

/**
 * When a map action has enough.
 *
 * - `all`: every branch is done. The first that fails or is cancelled cancels its siblings, and the step fails.
 * - `collect`: every branch has settled; failures reach `reduce` as data.
 * - `any`: the first that is done; the others are cancelled. None done: the step fails.
 * - `first`: the first that settles, however; the others are cancelled.
 * - `{ atLeast: n }`: n are done; the others are cancelled. No longer possible: the step fails.
 *
 * A step that fails so rejects with a {@link ParallelError}. It ends when what it cancelled has ended: a loser that
 * ignores its signal delays the winner by its `graceMs`. Give it less time where its end does not matter.
 */
export type SettlePolicy = 'all' | 'collect' | 'any' | 'first' | { readonly atLeast: number }

/** How many branches have settled, and how. `total` is known once the source has ended. */
export interface Tally {
  readonly total: number | undefined
  readonly done: number
  readonly failed: number
  readonly cancelled: number
}

/** `go`: wait for more. `satisfied`: cancel the rest and reduce. `hopeless`: cancel the rest and fail. */
export type Verdict = 'go' | 'satisfied' | 'hopeless'

/** What a policy says of what has settled so far. */
export function judge(policy: SettlePolicy, tally: Tally): Verdict {
  const lost = tally.failed + tally.cancelled
  if (typeof policy === 'object') return judgeCount(policy.atLeast, tally, lost)
  switch (policy) {
    case 'all':
      return lost > 0 ? 'hopeless' : 'go'
    case 'collect':
      return 'go'
    case 'any':
      return judgeCount(1, tally, lost)
    case 'first':
      return tally.done + lost > 0 ? 'satisfied' : 'go'
    default:
      return assertNever(policy)
  }
}

function judgeCount(wanted: number, { total, done }: Tally, lost: number): Verdict {
  if (done >= wanted) return 'satisfied'
  return total !== undefined && total - lost < wanted ? 'hopeless' : 'go'
}

/** A policy as a person reads it. */
export function policyName(policy: SettlePolicy): string {
  return typeof policy === 'string' ? `'${policy}'` : `{ atLeast: ${policy.atLeast} }`
}

/**
 * Refuses what is no policy.
 * @throws {TypeError | RangeError}
 */
export function checkPolicy(policy: unknown = 'all'): SettlePolicy {
  if (policy === 'all' || policy === 'collect' || policy === 'any' || policy === 'first') return policy
  if (isObject(policy) && 'atLeast' in policy) {
    const { atLeast } = policy
    if (Number.isInteger(atLeast) && (atLeast as number) > 0) return { atLeast: atLeast as number }
    throw new RangeError(`settle: { atLeast: ${String(atLeast)} } is no whole number above 0.`)
  }
  throw new TypeError(
    `settle is ${JSON.stringify(policy)}. It takes 'all', 'collect', 'any', 'first' or { atLeast: n }.`,
  )
}
