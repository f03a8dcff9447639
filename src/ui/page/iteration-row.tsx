import type { JSX } from 'preact'
import { endOf, Mark } from './parts.js'
import { setQuery } from './route.js'
import type { Row } from './step-rows.js'
import { Bar } from './time-bar.js'
import { duration, many } from './words.js'

// Owns: one iteration of a loop, in the list of steps.

export function IterationRow(props: {
  readonly row: Extract<Row, { readonly kind: 'iteration' }>
  readonly item: JSX.HTMLAttributes<HTMLDivElement>
  readonly axis: { readonly from: number; readonly to: number }
  readonly toggle: (id: string, isOn: boolean) => void
}): JSX.Element {
  const { row, item, axis, toggle } = props
  const { id, n, steps, status, startedAt, isUnfolded } = row
  const end = startedAt === undefined ? undefined : endOf(row, axis.to)
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
      <Bar from={startedAt} to={end} axis={axis} status={status} />
      <span class="ms">{end === undefined || startedAt === undefined ? '' : duration(end - startedAt)}</span>
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
