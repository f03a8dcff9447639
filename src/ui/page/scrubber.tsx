import type { JSX } from 'preact'
import type { StepRecord } from '../../read/tree.js'
import { isUnread, type ListedStep } from './listed-steps.js'
import { visible } from './words.js'

// Owns: the way through the time of a run.
// It is as long as the run from the beginning, whatever is read of it.
// A step that is chosen stays, whatever happens; the way back to the newest is a button of its own.

/** A step, by its number. */
export type Moment = Pick<StepRecord, 'sequenceId' | 'epoch'>

export function Scrubber(props: {
  readonly steps: readonly ListedStep[]
  readonly chosen: Moment | undefined
  /** Whether no step follows any more. */
  readonly isOver: boolean
  readonly choose: (step: Moment | undefined) => void
}): JSX.Element | null {
  const { steps, chosen, isOver, choose } = props
  if (steps.length < 2) return null
  const at = chosen === undefined ? steps.length - 1 : steps.findIndex((step) => isAt(step, chosen))
  const shown = steps[at]
  const name = shown === undefined || isUnread(shown) ? '…' : visible(shown.action)
  return (
    <div class="scrubber">
      <input
        type="range"
        min={0}
        max={steps.length - 1}
        value={at}
        aria-label="Step that is shown"
        aria-valuetext={`step ${shown?.sequenceId}, ${name}`}
        onInput={({ currentTarget }) => choose(steps[Number(currentTarget.value)])}
      />
      <span class="quiet">
        #{shown?.sequenceId} {name}
      </span>
      {chosen !== undefined && (
        <button type="button" class="small" onClick={() => choose(undefined)}>
          {isOver ? 'To the last step' : 'Return to live'}
        </button>
      )}
    </div>
  )
}

const isAt = (step: ListedStep, { sequenceId, epoch }: Moment): boolean =>
  step.sequenceId === sequenceId && step.epoch === epoch
