import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import type { Row } from './step-rows.js'

// Owns: the row of a step that is not read yet. What is on the screen is read first.

export function UnreadRow(props: {
  readonly row: Extract<Row, { readonly kind: 'unread' }>
  readonly item: JSX.HTMLAttributes<HTMLDivElement>
  readonly isChosen: boolean
  readonly look: (sequenceId: number) => void
  readonly choose: () => void
}): JSX.Element {
  const { row, item, isChosen, look, choose } = props
  useEffect(() => look(row.sequenceId), [row.id])
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the list takes the keys of all rows
    <div {...item} class="row unread" aria-selected={isChosen} tabIndex={isChosen ? 0 : -1} onClick={choose}>
      <span class="twist" />
      <span class="seq">{row.sequenceId}</span>
      <span class="quiet">…</span>
    </div>
  )
}
