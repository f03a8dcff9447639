import { assertNever, isObject } from '../internal/guards.js'

/**
 * When a map action stops waiting for branches.
 *
 * - `all`: every branch is done. The first failed or cancelled branch cancels its siblings, and the step fails.
 * - `collect`: every branch has settled; `reduce` gets failures as data.
 * - `any`: one branch is done; the others are cancelled. When none is done, the step fails.
 * - `first`: one branch has settled, with any status; the others are cancelled.
 * - `{ atLeast: n }`: n branches are done; the others are cancelled. When that becomes impossible, the step fails.
 *
 * Such a failure is a {@link ParallelError}. The step ends when every cancelled branch has ended: a loser that ignores
 * its signal delays the winner by its `graceMs`. Set a smaller `graceMs` where the end of losers does not matter.
 */
export type SettlePolicy = 'all' | 'collect' | 'any' | 'first' | { readonly atLeast: number }

/** Counts of settled branches by status. `total` is known once the source has ended. */
export interface Tally {
  readonly total: number | undefined
  readonly done: number
  readonly failed: number
  readonly cancelled: number
}

/** `go`: keep waiting. `satisfied`: cancel the rest and reduce. `hopeless`: cancel the rest and fail. */
export type Verdict = 'go' | 'satisfied' | 'hopeless'

/** Applies a policy to the current counts. */
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

/** Display name of a policy. */
export function policyName(policy: SettlePolicy): string {
  return typeof policy === 'string' ? `'${policy}'` : `{ atLeast: ${policy.atLeast} }`
}

/** The policy of a name, with or without quotes; undefined for the name of none. */
export function policyNamed(name: string): SettlePolicy | undefined {
  const [, text, n] = /^'?(all|collect|any|first)'?$|^\{ atLeast: (\d+) \}$/.exec(name) ?? []
  return n === undefined ? (text as SettlePolicy | undefined) : { atLeast: Number(n) }
}

/**
 * Validates a policy.
 * @throws {TypeError | RangeError} for an invalid one
 */
export function checkPolicy(policy: unknown = 'all'): SettlePolicy {
  if (policy === 'all' || policy === 'collect' || policy === 'any' || policy === 'first') return policy
  if (isObject(policy) && 'atLeast' in policy) {
    const { atLeast } = policy
    if (Number.isInteger(atLeast) && (atLeast as number) > 0) return { atLeast: atLeast as number }
    throw new RangeError(`settle: { atLeast: ${String(atLeast)} } is not a whole number above 0.`)
  }
  throw new TypeError(
    `settle is ${JSON.stringify(policy)}. It takes 'all', 'collect', 'any', 'first' or { atLeast: n }.`,
  )
}
