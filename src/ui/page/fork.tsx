import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { Json } from '../../read/payload.js'
import type { StepRecord } from '../../read/tree.js'
import { act } from './actions.js'
import { clientOf } from './client.js'
import { Command, commandOn } from './command.js'
import { closeDialog, Dialog, dialog } from './dialog.js'
import { useLoaded } from './loaded.js'
import { Problem } from './parts.js'
import { go, href } from './route.js'
import type { RunId } from './run-model.js'

// Owns: another run from a step of this one, with another state.

/** Opens the dialog. */
export function askFork(run: RunId, step: StepRecord): void {
  dialog.value = () => <Fork run={run} step={step} />
}

/** The fields that the text has otherwise than the state; the reason when it is no state. */
function patchOf(state: unknown, text: string): { readonly patch: Record<string, Json> } | { readonly fault: string } {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return { fault: (error as Error).message }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { fault: 'A state is a record: { … }.' }
  const before = state as Record<string, unknown>
  const gone = Object.keys(before).filter((name) => !(name in value))
  if (gone.length > 0) return { fault: `A field cannot be removed: ${gone.join(', ')}.` }
  const changed = Object.entries(value).filter(([name, one]) => JSON.stringify(one) !== JSON.stringify(before[name]))
  return { patch: Object.fromEntries(changed) as Record<string, Json> }
}

function Fork({ run, step }: { readonly run: RunId; readonly step: StepRecord }): JSX.Element {
  const { project, ...ref } = run
  const at = step.status === 'done' ? step.sequenceId : step.sequenceId - 1
  const state = useLoaded(`fork ${JSON.stringify([run, at, step.epoch])}`, () =>
    clientOf(project).state({ ...ref, sequenceId: at, epoch: step.epoch }),
  )
  const [text, setText] = useState<string>()
  const [error, setError] = useState<Error>()
  const shown = text ?? (state.data === undefined ? '' : JSON.stringify(state.data, null, 2))
  const read = state.data === undefined ? { patch: {} } : patchOf(state.data, shown)
  const changed = 'patch' in read ? read.patch : {}
  const patch = Object.keys(changed).length > 0 ? ['--patch', JSON.stringify(changed)] : []
  const fork = async (event: Event): Promise<void> => {
    event.preventDefault()
    try {
      const patch = Object.keys(changed).length > 0 ? { patch: changed } : {}
      const made = await clientOf(project).fork({ ...ref, at, epoch: step.epoch, ...patch })
      await act(async () => made)
      closeDialog()
      go(href(['p', project, 'r', made.run.runId], { partition: made.run.partitionKey }))
    } catch (cause) {
      setError(cause as Error)
    }
  }
  return (
    <Dialog title={`Fork from step ${at}`} close={closeDialog}>
      <form onSubmit={(event) => void fork(event)}>
        <p>
          A new run begins behind step {at}. Steps from {at + 1} on run again, and may call models and tools; steps up
          to {at} are not run. The run that is shown stays as it is.
        </p>
        <Problem error={state.error} />
        <label>
          State after step {at}
          <textarea
            rows={14}
            spellcheck={false}
            value={shown}
            disabled={state.data === undefined}
            onInput={({ currentTarget }) => setText(currentTarget.value)}
          />
        </label>
        {'fault' in read ? (
          <p class="failed-text" role="alert">
            {read.fault}
          </p>
        ) : (
          <p class="quiet">
            {Object.keys(changed).length === 0
              ? 'The state is not changed.'
              : `Changes: ${Object.keys(changed).join(', ')}`}
          </p>
        )}
        <Problem error={error} />
        <button type="submit" class="primary" disabled={state.data === undefined || 'fault' in read}>
          Fork
        </button>
        <p class="quiet">Or from a terminal:</p>
        <Command text={commandOn('fork', run, { step: at }, patch)} />
      </form>
    </Dialog>
  )
}
