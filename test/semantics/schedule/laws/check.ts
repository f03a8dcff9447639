import type { Plan } from '../plan.js'
import type { Violation } from '../schedule.js'
import type { Entry } from '../trace.js'
import { cancels } from './cancels.js'
import { ELSEWHERE, holdsElsewhere } from './elsewhere.js'
import { leaks } from './leaks.js'
import { messages } from './messages.js'
import { policies } from './policies.js'
import { spans } from './spans.js'

/** A breach of a law by a trace. */
export type Tell = (law: string, what: string, turn: number) => void
/** Laws over the trace of one plan. */
export type Law = (entries: readonly Entry[], plan: Plan, tell: Tell) => void

const LAWS: readonly Law[] = [spans, policies, cancels, messages, leaks]

/** Checks a trace by every law, and adds the breaches seen during the run. */
export function check(plan: Plan, entries: readonly Entry[]): Violation[] {
  const violations: Violation[] = []
  for (const entry of entries)
    if (entry.kind === 'broken') violations.push({ law: entry.law, what: entry.what, turn: entry.turn })
  for (const law of LAWS) law(entries, plan, (name, what, turn) => violations.push({ law: name, what, turn }))
  return ELSEWHERE ? violations.filter(({ law }) => holdsElsewhere(law, entries)) : violations
}
