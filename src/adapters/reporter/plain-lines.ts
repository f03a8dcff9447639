import { printPath } from '../../action/context.js'
import type { AnyEvent } from '../../lifecycle/events.js'
import { headOf, stepLine, timeText } from './layout.js'
import { fixed, type Piece, piece } from './paint.js'
import { type RunView, reasonOf } from './run-view.js'

// Owns: the lines of a log: one for each change.
// N1  Of many failures each run prints the first; its map line and its end count all.

/** Failures of branches that are printed one by one. */
const MOST_FAILURES = 20

/** The line of an event; undefined where it changes nothing that is shown. @param run after the event */
export function plainLine(event: AnyEvent, run: RunView, name: string): Piece[] | undefined {
  const isRoot = event.path.length === 0
  switch (event.type) {
    case 'run.start':
      return isRoot ? headOf(run, name, event.time) : undefined
    case 'run.end':
      return isRoot ? headOf(run, name, event.time) : undefined
    case 'step.start':
      return isRoot && run.step !== undefined ? stepLine(run.step, event.time).slice(0, 3) : undefined
    case 'step.end': {
      const last = run.finished.at(-1)
      return isRoot && last !== undefined ? stepLine(last, event.time) : undefined
    }
    case 'branch.settled': {
      const { result, status, path, durationMs } = event
      if (result.status !== 'failed' || run.failureCount > MOST_FAILURES) return undefined
      const action = run.failures.at(-1)?.action ?? event.source
      const text = `${printPath(path)} (${action}) ${status} after ${timeText(durationMs)}: ${reasonOf(result.error)}`
      const last = run.failureCount === MOST_FAILURES ? [fixed(' (further failures are counted only)', 'dim')] : []
      return [fixed('✕ ', 'red'), piece(text, 'red'), ...last]
    }
    case 'wait': {
      const question = run.questions.get(event.id)
      if (question === undefined) return undefined
      const { path, action, kinds, ask } = question
      return [fixed('? ', 'yellow'), piece(`${path === '' ? action : path} waits for ${kinds.join(', ')} ${ask}`)]
    }
    case 'wake':
      if (event.from !== 'outside' || event.message === undefined) return undefined
      return [fixed('  '), piece(`${printPath(event.path) || event.source} got ${event.message.kind}`)]
    case 'retry':
      if (event.path.length > 0) return undefined
      return [
        fixed('↻ ', 'yellow'),
        piece(`${event.source} again in ${timeText(event.delayMs)}: ${reasonOf(event.error)}`),
      ]
    case 'branch.leaked': {
      const at = printPath(event.path) || event.source
      return [fixed('! ', 'yellow'), piece(`${at} ignored its cancel and was abandoned`)]
    }
    default:
      return undefined
  }
}
