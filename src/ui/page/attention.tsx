import { useMemo } from 'preact/hooks'
import { actionOf } from '../../read/action-of.js'
import type { AppNode } from '../../read/tree.js'
import { Mark, nowEachSecond } from './parts.js'
import { branchName, count, duration, many, visible } from './words.js'

// Owns: the branches of a map that somebody should look at.
// Failures are grouped by what failed, so that a thousand of them are a few lines.

export function Attention({
  branches,
  hrefOf,
}: {
  readonly branches: readonly AppNode[]
  readonly hrefOf: (one: AppNode) => string
}) {
  const groups = useMemo(() => groupsOf(branches), [branches])
  const slow = branches.filter(({ status, startedAt }) => status === 'running' && startedAt !== undefined)
  const slowest = slow.sort((a, b) => (a.startedAt ?? 0) - (b.startedAt ?? 0)).slice(0, 3)
  if (groups.length + slowest.length === 0) return null
  return (
    <section aria-label="Needs attention" class="attention">
      <h2>Needs attention</h2>
      <ul>
        {groups.map(({ key, status, text, action, items }) => (
          <li key={key} data-status={status}>
            <details>
              <summary>
                <Mark status={status} /> <strong class="ellipsis">{visible(text)}</strong>{' '}
                <span class="quiet">{visible(action)}</span>{' '}
                <span class="number">{many(items.length, 'branch', 'branches')}</span>
              </summary>
              <p class="chips">
                {items.slice(0, 60).map((one) => (
                  <a key={one.appId} class="chip" href={hrefOf(one)}>
                    {branchName(one)}
                  </a>
                ))}
                {items.length > 60 && <span class="quiet">and {count(items.length - 60)} more in the list below</span>}
              </p>
            </details>
          </li>
        ))}
        {slowest.map((one) => (
          <li key={one.appId} data-status="running">
            <p>
              <Mark status="running" /> <strong>slow: </strong>
              <a href={hrefOf(one)}>{branchName(one)}</a> <span class="quiet">{actionOf(one)}</span>{' '}
              <span class="number">{duration(nowEachSecond() - (one.startedAt ?? 0))}</span>
            </p>
          </li>
        ))}
      </ul>
    </section>
  )
}

interface Group {
  readonly key: string
  readonly status: string
  readonly text: string
  readonly action: string
  readonly items: AppNode[]
}

function groupsOf(branches: readonly AppNode[]): readonly Group[] {
  const groups = new Map<string, Group>()
  for (const one of branches) {
    const { status, error, cancelled } = one
    if (status !== 'failed' && status !== 'cancelled') continue
    // The error of an action names its branch: what it was caused by is the same in all.
    const cause = error?.cause ?? error
    const reason = typeof cancelled?.reason === 'string' ? cancelled.reason : ''
    const text =
      status === 'failed'
        ? `${cause?.name ?? 'Error'}: ${cause?.message ?? ''}`
        : `cancelled${reason === '' ? ` by ${cancelled?.by ?? 'its map'}` : `: ${reason}`}`
    const key = `${status} ${cause?.fingerprint ?? text}`
    const group = groups.get(key) ?? { key, status, text: text.slice(0, 200), action: actionOf(one) ?? '', items: [] }
    groups.set(key, group)
    group.items.push(one)
  }
  return [...groups.values()].sort(
    (a, b) => Number(a.status === 'cancelled') - Number(b.status === 'cancelled') || b.items.length - a.items.length,
  )
}
