import type { Path } from '../../action/context.js'
import { type Delivery, type Message, sealMessage } from '../../action/message.js'
import type { Awaitable } from '../../persistence/driver.js'
import type { OpenWaitNote } from '../../persistence/wait-note.js'
import type { Application, Run } from '../application.js'
import { timingOf, writeNote } from '../durability.js'
import { deliverBelow, sendMessage } from './commands.js'
import { storedMessage } from './inbox.js'
import { findBelow } from './path-lookup.js'
import { AppTarget } from './target.js'

// Owns: messages from outside that are stored from when they are sent, and the stored mark of a waiting action.
// Does not own: the mailbox (mailbox.ts), stored messages of a run (inbox.ts), rows (persistence/journal.ts).

/**
 * An action waits for a message from outside, or for a time. The store holds that, and messages sent there are
 * delivered.
 * @returns a function to call when it waits no more, with whether its time is over
 */
export function recordWait(run: Run, wait: OpenWaitNote): (passed: boolean) => void {
  const { app } = run
  const { journal } = app
  void writeNote(app, 'That an action waits', (stored) => stored.waits(wait, timingOf(app)))
  const unwatch =
    wait.from === 'time'
      ? undefined
      : journal?.scope.settings.watch.add({
          journal,
          deliver: ({ id, kind, body }) => deliverBelow(app, storedMessage({ kind, body, from: '' }, id), undefined),
          lost: (error) => app.system.logger.error('The store could not be asked for messages.', error),
        })
  return (passed) => {
    unwatch?.()
    if (run.cancellation === undefined) journal?.woke(wait.n, passed)
  }
}

/**
 * Stores a message from outside where its receiver is stored, then delivers it. A message that arrives while nothing
 * runs waits for the next run.
 */
export function storeAndSend(
  root: Application,
  message: Message,
  path: string | Path | undefined,
): Awaitable<Delivery> {
  if (root.cancelled !== undefined) return sendMessage(root, message, path) // dropped: no run takes it
  const target = path === undefined ? new AppTarget(root) : findBelow(root, path)
  const { kind, body } = sealMessage(message, undefined)
  const posting = target?.post({ kind, body })
  if (posting === undefined) return sendMessage(root, message, path) // at once
  return posting.then((id) => {
    if (id === undefined) return sendMessage(root, message, path) // what it is for is not stored
    const deliver = (): Delivery => deliverBelow(root, storedMessage({ kind, body, from: '' }, id), path)
    const delivery = target?.posted({ id, kind, body }, deliver) ?? deliver()
    return delivery === 'dropped' && target?.is(root) === true && !root.running ? 'queued' : delivery
  })
}
