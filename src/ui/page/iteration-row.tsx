import type { JSX } from 'preact'
import { Mark } from './parts.js'
import { setQuery } from './route.js'
import type { Row } from './step-rows.js'
import { duration, many } from './words.js'

// Owns: one iteration of a loop, in the list of steps.

export function IterationRow(props: {
  readonly row: Extract<Row, { readonly kind: 'iteration' }>
  readonly item: JSX.HTMLAttributes<HTMLDivElement>
  readonly toggle: (id: string, isOn: boolean) => void
}): JSX.Element {
  const { row, item, toggle } = props
  const { id, n, steps, status, ms, isUnfolded } = row
  return (
    <div {...item} class="row iteration" data-status={status} aria-expanded={isUnfolded}>
      <button
        type="button"
        class="twist"
        aria-label={`${isUnfolded ? 'Fold' : 'Unfold'} iteration ${n}`}
        onClick={() => toggle(id, !isUnfolded)}
      >
        {isUnfolded ? '▾' : '▸'}
      </button>
      <span class="seq" />
      <Mark status={status} />
      <span class="name">iteration {n}</span>
      <span class="quiet tiny">{many(steps, 'step')}</span>
      <span class="ms">{duration(ms)}</span>
    </div>
  )
}

export const GroupButton = ({ isGrouped }: { readonly isGrouped: boolean }): JSX.Element => (
  <button
    type="button"
    class="small"
    title="Group by iteration"
    aria-label="Group by iteration"
    aria-pressed={isGrouped}
    onClick={() => setQuery({ group: isGrouped ? undefined : 'iteration' })}
  >
    ⟳
  </button>
)
