import type { JSX } from 'preact'
import type { StepRecord } from '../../read/tree.js'
import { visible } from './words.js'

// Owns: the way through the time of a run.
// A step that is chosen stays, whatever happens; the way back to the newest is a button of its own.

export function Scrubber(props: {
  readonly steps: readonly StepRecord[]
  readonly chosen: StepRecord | undefined
  /** Whether no step follows any more. */
  readonly isOver: boolean
  readonly choose: (step: StepRecord | undefined) => void
}): JSX.Element | null {
  const { steps, chosen, isOver, choose } = props
  if (steps.length < 2) return null
  const at = chosen === undefined ? steps.length - 1 : steps.indexOf(chosen)
  const name = steps[at]
  return (
    <div class="scrubber">
      <input
        type="range"
        min={0}
        max={steps.length - 1}
        value={at}
        aria-label="Step that is shown"
        aria-valuetext={`step ${name?.sequenceId}, ${name?.action}`}
        onInput={({ currentTarget }) => choose(steps[Number(currentTarget.value)])}
      />
      <span class="quiet">
        #{name?.sequenceId} {visible(name?.action ?? '')}
      </span>
      {chosen !== undefined && (
        <button type="button" class="small" onClick={() => choose(undefined)}>
          {isOver ? 'To the last step' : 'Return to live'}
        </button>
      )}
    </div>
  )
}
