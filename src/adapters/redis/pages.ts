import { listOf, type Reply, textOf } from './stored-texts.js'

// Owns: reading a page over one index or several, call by call.
// G1  A page over several indexes joins one page of each. No place is in two of them, or it counts once.

/** Places that one call looks at. */
const BUDGET = 1_000
/** The most that one call returns. */
const PAGE = 1_000

/** The score and the member of a place in an index. */
export interface Place {
  readonly score: string
  readonly member: string
}
/** Something that was found, with its place. */
export interface Found extends Place {
  readonly reply: Reply | undefined
}
/** What a call takes besides its index: the place that it starts behind, its limit, and its budget. */
export type From = readonly [score: string, member: string, limit: string, budget: string]

const START: Place = { score: '', member: '' }
export const fromOf = ({ score, member }: Place, limit: number): From => [
  score,
  member,
  String(Math.min(limit, PAGE)),
  String(BUDGET),
]

/** Calls until there are no more, or `found` has enough. @param call a script of a page */
export async function walk(
  call: (from: Place) => Promise<Reply>,
  after: Place | undefined,
  found: (items: readonly Reply[]) => Place | 'enough' | undefined,
): Promise<void> {
  for (let at = after ?? START; ; ) {
    const [score, member, items] = listOf(await call(at))
    const last = found(listOf(items))
    if (last === 'enough') return
    const stopped = { score: textOf(score), member: textOf(member) }
    if (stopped.score !== '') at = stopped
    else if (last !== undefined) at = last
    else return
  }
}

/** One page of one index. */
async function pageOf(
  call: (from: From) => Promise<Reply>,
  after: Place | undefined,
  limit: number,
): Promise<readonly Found[]> {
  const all: Found[] = []
  if (limit <= 0) return all
  const left = (): number => limit - all.length
  await walk(
    (from) => call(fromOf(from, left())),
    after,
    (items) => {
      const wanted = Math.min(left(), PAGE)
      for (const item of items) {
        const [score, member, reply] = listOf(item)
        all.push({ score: textOf(score), member: textOf(member), reply })
      }
      if (left() <= 0) return 'enough'
      return items.length === wanted ? all.at(-1) : undefined
    },
  )
  return all
}

/** One page over several indexes. @param calls one for each @param newest whether the highest score is first */
export async function pageOver(
  calls: readonly ((from: From) => Promise<Reply>)[],
  after: Place | undefined,
  limit: number,
  newest: boolean,
): Promise<readonly Found[]> {
  const pages = await Promise.all(calls.map((call) => pageOf(call, after, limit)))
  const [only] = pages
  if (pages.length === 1 && only !== undefined) return only
  const known = new Map(pages.flat().map((one) => [one.member, one]))
  const sign = newest ? -1 : 1
  return [...known.values()].sort((a, b) => sign * compare(a, b)).slice(0, Math.max(limit, 0))
}

const compare = (a: Place, b: Place): number =>
  Number(a.score) - Number(b.score) || Buffer.compare(Buffer.from(a.member), Buffer.from(b.member))
