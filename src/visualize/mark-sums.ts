import { type BranchCounts, type BranchStatus, noCounts } from '../read/status.js'
import { printedName } from './picture.js'

// Owns: what is known of many branches as one: statuses, numbers, addresses.

const ATTENTION: readonly BranchStatus[] = [
  'done',
  'cancelled',
  'queued',
  'interrupted',
  'waiting',
  'retrying',
  'running',
  'failed',
]

/** Of two statuses, the one that needs more attention. */
export const worse = (a: BranchStatus, b: BranchStatus): BranchStatus =>
  ATTENTION.indexOf(a) >= ATTENTION.indexOf(b) ? a : b

/** The status of an action at which so many branches are: while some run, it runs. */
export function statusOfMany(counts: BranchCounts): BranchStatus {
  if (counts.running > 0) return 'running'
  return ORDER.find((status) => counts[status] > 0) ?? 'queued'
}

const ORDER: readonly BranchStatus[] = ['failed', 'retrying', 'waiting', 'interrupted', 'done', 'cancelled']

export function sum(a: BranchCounts | undefined, b: BranchCounts): BranchCounts {
  const total = noCounts()
  for (const name of Object.keys(total) as BranchStatus[]) total[name] = (a?.[name] ?? 0) + b[name]
  return total
}

export function difference(a: BranchCounts, b: BranchCounts): BranchCounts {
  const left = noCounts()
  for (const name of Object.keys(left) as BranchStatus[]) left[name] = a[name] - b[name]
  return left
}

export const sumOf = (counts: BranchCounts): number => Object.values(counts).reduce((all, n) => all + n, 0)

/** Whether an address stands for any number of branches. */
export const isWild = (path: string): boolean => path.split('/').some((part, i) => i % 2 === 1 && part === '*')

/** An address, and the ones with `*` for a key, at each level alone and at all. */
export function placesOf(above: readonly string[], action: string): readonly string[] {
  const printed = above.map(printedName)
  const each: string[][] = [[]]
  for (const [i, part] of printed.entries()) {
    const wild = i % 2 === 1 && part !== '~' && part !== '*' ? [part, '*'] : [part]
    const before = each.splice(0)
    for (const way of before) for (const one of wild) each.push([...way, one])
  }
  return each.map((way) => [...way, printedName(action)].join('/'))
}
