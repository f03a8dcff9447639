import type { BelowPage, OpenQuestion, StoredBelow, WaitPage } from '../../persistence/summary.js'
import { type From, pageOver } from './pages.js'
import { SCRIPTS } from './scripts.js'
import type { Session } from './session.js'
import { belowOf, labelIndex, partText, questionOf, storable } from './stored-texts.js'

// Owns: the questions about applications below others, and about open questions.

export async function pageBelow(session: Session, page: BelowPage): Promise<readonly StoredBelow[]> {
  const { partitionKey, parentId, epoch, map, visit, status, limit, after } = page
  const filters = [
    epoch === undefined ? '' : String(epoch),
    map === undefined ? '' : JSON.stringify(map),
    visit === undefined ? '' : String(visit),
    status === undefined ? '*' : `,${status.join()},`,
  ]
  const call = (from: From) =>
    session.run('list branches', SCRIPTS.below, [partText(partitionKey), parentId, ...from, ...filters])
  const place = after && { score: String(after.index), member: after.appId }
  return (await pageOver([call], place, limit, false)).map(({ member, reply }) => belowOf(member, reply))
}

/** Later than every place of the same application and number in a partition. */
const LAST = '\u{10ffff}'

/** A page for each kind is read in order; a question that takes several of them is in several pages. */
export async function pageOfWaits(session: Session, page: WaitPage): Promise<readonly OpenQuestion[]> {
  const { partitionKey, rootId, kinds, answered = false, labels = {}, limit, after } = page
  const part = partitionKey === undefined ? '*' : partText(partitionKey)
  const wanted = [...new Set(kinds?.map(storable))]
  const named = Object.entries(labels).map(([label, value]) => labelIndex(label, value))
  const filters = [String(named.length), ...named, kinds === undefined ? '0' : '1', ...wanted]
  const ofState = (name: string): string => `${answered ? 'a' : 'o'}:${name}`
  const call = (name: string) => (from: From) =>
    session.run('list open questions', SCRIPTS.waits, [
      ...[ofState(name), part, rootId === undefined ? '' : `=${rootId}`],
      ...[...from, ...filters],
    ])
  const number = (n: number): string => String(n).padStart(10, '0')
  const place = after && {
    score: String(after.since),
    member: [after.appId, number(after.n), partText(after.partitionKey), LAST].join('\0'),
  }
  const names = namesOf()
  return (await pageOver(names.map(call), place, limit, false)).map(({ reply }) => questionOf(reply))

  function namesOf(): readonly string[] {
    if (rootId !== undefined) return [partitionKey === undefined ? `r:${rootId}` : `t:${part}\0${rootId}`]
    if (kinds !== undefined) return wanted.map((kind) => `k:${part}\0${kind}`)
    return [partitionKey === undefined ? '*' : `p:${part}`]
  }
}
