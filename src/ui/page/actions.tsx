import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { Outcome } from '../../client/api.js'
import { UiError } from '../../client/ui-error.js'
import type { RunTarget } from '../../read/reader.js'
import { type CancelTarget, dropCancel, keepCancel } from './cancels.js'
import { clientOf } from './client.js'
import { closeDialog, Dialog, dialog, notice } from './dialog.js'
import { reloadAll } from './loaded.js'
import { many } from './words.js'

// Owns: what is done with runs from the page. What was refused is shown with its reason.

/** Does something, tells what came of it, and reads again what is shown. */
export async function act(what: () => Promise<Outcome>): Promise<boolean> {
  try {
    const { text } = await what()
    notice.value = { text }
    reloadAll()
    return true
  } catch (error) {
    notice.value = { text: '', error: error instanceof Error ? error : new UiError('internal', String(error)) }
    return false
  }
}

/** Asks for a reason, and cancels a run, or one branch or map of it. */
export function askCancel(project: string, target: CancelTarget, name: string): void {
  dialog.value = () => <CancelDialog project={project} target={target} name={name} />
}

function CancelDialog(props: {
  readonly project: string
  readonly target: CancelTarget
  readonly name: string
}): JSX.Element {
  const { project, target, name } = props
  const [reason, setReason] = useState('')
  const cancel = async (event: Event): Promise<void> => {
    event.preventDefault()
    // The answer comes when it has ended, which code may delay.
    keepCancel(project, target)
    closeDialog()
    const isDone = await act(() => clientOf(project).cancel({ ...target, ...(reason !== '' && { reason }) }))
    if (!isDone) dropCancel(project, target)
  }
  return (
    <Dialog title={`Cancel ${name}`} close={closeDialog}>
      <form onSubmit={(event) => void cancel(event)}>
        <p>
          Actions under way get their signal, and have time to end. What is cancelled does not go on; what it has done
          stays readable.
          {target.map !== undefined &&
            ' The map makes no more branches; whether its step goes on depends on how it settles.'}
        </p>
        <label>
          Reason
          <input
            autoFocus
            value={reason}
            onInput={({ currentTarget }) => setReason(currentTarget.value)}
            placeholder="not needed"
          />
        </label>
        <button type="submit" class="danger">
          Cancel {name}
        </button>
      </form>
    </Dialog>
  )
}

/** Does the same with many runs, after a question. */
export function doEach(project: string, runs: readonly RunTarget[], action: 'cancel' | 'remove'): void {
  const verb = action === 'cancel' ? 'Cancel' : 'Delete'
  const all = async (): Promise<void> => {
    closeDialog()
    const failed: Error[] = []
    for (const { runId, partitionKey } of runs)
      await clientOf(project)
        [action]({ runId, partitionKey })
        .catch((error: Error) => failed.push(error))
    const first = failed[0]
    notice.value =
      first === undefined
        ? { text: `${many(runs.length, 'run')}: ${action === 'cancel' ? 'cancelled' : 'deleted'}.` }
        : { text: `${failed.length} of ${many(runs.length, 'run')} refused.`, error: first }
    reloadAll()
  }
  dialog.value = () => (
    <Dialog title={`${verb} ${many(runs.length, 'run')}?`} close={closeDialog}>
      <p>{action === 'cancel' ? 'They do not go on.' : 'They are gone, with all that is below them.'}</p>
      <button type="button" class="danger" onClick={() => void all()}>
        {verb}
      </button>
    </Dialog>
  )
}
