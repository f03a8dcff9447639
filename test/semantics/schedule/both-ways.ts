import type { AnyEvent } from 'teasel'
import { printPath } from 'teasel'
import type { Plan } from './plan.js'
import { type Report, runSchedule } from './schedule.js'

/** What a program does, as whoever reads it sees it; the same with a persister and without one. */
interface Digest {
  readonly outcomes: readonly string[]
  readonly state: string
  /** The outcome of each branch, by its path, in no order. */
  readonly branches: Readonly<Record<string, string>>
  /** What `reduce` was given, each time. */
  readonly reduced: readonly string[]
}

/** Runs a schedule without a store and with one. @returns in what they differ, if in anything */
export async function differsWhenStored(plan: Plan): Promise<string | undefined> {
  const [without, stored] = [
    digestOf(await runSchedule(plan, undefined, 'nowhere')),
    digestOf(await runSchedule(plan, undefined, 'stored')),
  ]
  for (const part of ['outcomes', 'state', 'branches', 'reduced'] as const) {
    const [a, b] = [JSON.stringify(without[part]), JSON.stringify(stored[part])]
    if (a !== b) return `${part} without a store ${a}; stored ${b}`
  }
  return undefined
}

function digestOf({ entries, state }: Report): Digest {
  const outcomes: string[] = []
  const branches = new Map<string, string>()
  const reduced: string[] = []
  for (const entry of entries) {
    if (entry.kind === 'outcome') outcomes.push(wordOf(entry.outcome))
    if (entry.kind === 'reduce') reduced.push(`${entry.map}: ${entry.results.map((one) => `${one.key} ${one.status}`)}`)
    if (entry.kind === 'event' && entry.event.type === 'branch.settled')
      branches.set(printPath(entry.event.path), settledAs(entry.event))
  }
  const sorted = [...branches].sort(([a], [b]) => (a < b ? -1 : 1))
  return { outcomes, state, branches: Object.fromEntries(sorted), reduced: [...reduced].sort() }
}

const wordOf = ({ status, by, error }: { readonly status: string; readonly by?: string; readonly error?: unknown }) =>
  `${status} ${by ?? ''} ${error instanceof Error ? `${error.name}: ${error.message}` : String(error ?? '')}`.trim()

function settledAs({ result }: Extract<AnyEvent, { type: 'branch.settled' }>): string {
  if (result.status === 'done') return `done ${JSON.stringify(result.state)}`
  return result.status === 'failed' ? `failed ${result.error.message}` : `cancelled by ${result.by}`
}
