import type { JSX } from 'preact'

// Owns: a time as a bar on an axis.

/** When it ran, on the time axis of the run. */
export function Bar(props: {
  readonly from: number | undefined
  readonly to: number | undefined
  readonly axis: { readonly from: number; readonly to: number }
  readonly status: string
}): JSX.Element {
  const { from, to, axis, status } = props
  const whole = Math.max(1, axis.to - axis.from)
  if (from === undefined || to === undefined) return <span class="track" />
  const left = Math.min(99, Math.max(0, (100 * (from - axis.from)) / whole))
  const width = Math.max(1, Math.min(100 - left, (100 * (to - from)) / whole))
  return (
    <span class="track">
      <span data-status={status} style={{ left: `${left}%`, width: `${width}%` }} />
    </span>
  )
}
