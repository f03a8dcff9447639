import type { Posted, Row, RowFacts, Tail } from '../../persistence/driver.js'
import type {
  AppSummary,
  BelowCount,
  OpenQuestion,
  StoredBelow,
  StoredPosition,
  StoredRun,
  StoredWait,
  SummaryParent,
  SummaryStatus,
} from '../../persistence/summary.js'

// Owns: the forms of rows, summaries and questions in Redis, and what answers of scripts mean.
// F1  Names of indexes hold no U+0000 and no halves of characters: both become U+FFFD there. The texts themselves come
//     back as they were given.

/** An answer of a script: a text, nothing, a number, or a list of them. */
export type Reply = string | number | null | readonly Reply[]
type Fields = ReadonlyMap<string, string>

/** A text in the name of an index (F1). */
export const storable = (text: string): string => text.replace(/[\0\p{Surrogate}]/gu, '\uFFFD')

/** The stored form of a partition key; the null partition has a text of its own. */
export const partText = (partitionKey: string | null): string => (partitionKey === null ? '' : `=${partitionKey}`)
const partitionOf = (part: string): string | null => (part === '' ? null : part.slice(1))

export const listOf = (reply: Reply | undefined): readonly Reply[] => (Array.isArray(reply) ? reply : [])
export const textOf = (reply: Reply | undefined): string => String(reply ?? '')
const optionalText = (reply: Reply | undefined): string | undefined =>
  reply === null || reply === undefined ? undefined : String(reply)

function fieldsOf(reply: Reply | undefined): Fields {
  const flat = listOf(reply)
  const fields = new Map<string, string>()
  for (let i = 0; i < flat.length; i += 2) fields.set(textOf(flat[i]), textOf(flat[i + 1]))
  return fields
}

const KINDS = { f: 'full', p: 'patch', n: 'note' } as const
/** `f,0,-1,1843200000000000,name`: kind, epoch, step, order and label. */
export const factsText = ({ kind, epoch, sequenceId, order, label }: RowFacts): string =>
  `${kind.slice(0, 1)},${epoch},${sequenceId},${order},${label}`

function positionOf(text: string): StoredPosition {
  const [kind = '', epoch, sequenceId, order, ...label] = text.split(',')
  const at = { epoch: Number(epoch), sequenceId: Number(sequenceId), order: Number(order) }
  return { kind: KINDS[kind as keyof typeof KINDS], label: label.join(','), ...at }
}

/** @param reply facts and data, as lists @param from the index of the first one */
export function rowsOf(appId: string, from: number, facts: readonly Reply[], data: readonly Reply[]): Row[] {
  return facts.map((one, i) => ({ ...factsAt(appId, from + i, one), data: textOf(data[i]) }))
}
export const factsAt = (appId: string, index: number, facts: Reply): RowFacts => ({
  ...{ appId, index },
  ...positionOf(textOf(facts)),
})

/** A message is stored with its root and its kind before its data. */
const dataOf = (post: string): string => post.slice(post.indexOf('\0', post.indexOf('\0') + 1) + 1)
export const postedOf = (id: Reply | undefined, post: Reply | undefined): Posted => ({
  id: Number(id),
  data: dataOf(textOf(post)),
})

/** @param reply the index of the first row, facts, data and messages */
export function tailOf(appId: string, reply: Reply | undefined): Tail {
  const [from, facts, data, inbox] = listOf(reply)
  const posts = [...fieldsOf(inbox)].map(([id, post]) => postedOf(id, post)).sort((a, b) => a.id - b.id)
  return { rows: rowsOf(appId, Number(from), listOf(facts), listOf(data)), inbox: posts }
}

/** The text of a root that is searched. */
export const searched = (rootId: string, title = ''): string => `${storableLower(rootId)}\0${storableLower(title)}`
export const storableLower = (text: string): string => storable(text.toLowerCase())

/** Names of the indexes of labels, and of the name of a graph. */
export const labelIndex = (label: string, value: string): string => `l:=${storable(label)}\0${storable(value)}`
export const nameIndex = (name: string): string => `l:\0${name}`

/** The fields of a summary that are given: members that stay are left out where they are not. */
export function summaryFields(summary: AppSummary, rootId: string): readonly string[] {
  const { appId, status, since, parent, name, title, labels, pending, retrying, leaked, nextAt, facts } = summary
  const fields = ['status', status, 'since', String(since), 'pending', String(pending), 'retrying', String(retrying)]
  fields.push('leaked', String(leaked), 'nextAt', nextAt === null ? '' : String(nextAt), 'facts', facts)
  if (parent !== undefined) {
    const { epoch, sequenceId, map, visit, index } = parent
    fields.push('parent', parent.appId, 'above', JSON.stringify(parent), 'epoch', String(epoch))
    fields.push('map', JSON.stringify(map), 'visit', String(visit), 'place', String(index))
    fields.push('counted', JSON.stringify([epoch, sequenceId, map, visit]))
  }
  if (name !== undefined) fields.push('name', name)
  if (title !== undefined) fields.push('title', title)
  if (title !== undefined && appId === rootId) fields.push('text', searched(rootId, title))
  if (labels !== undefined) {
    const packed = Object.entries(labels).flatMap(([label, value]) => [storable(label), storable(value)])
    fields.push('labels', JSON.stringify(labels), 'labelled', packed.join('\0'))
  }
  return fields
}

/** An open question as arguments of a save. */
export function questionTexts({ id, sequenceId, n, kinds, since, until, facts }: StoredWait): readonly string[] {
  const all = [...new Set(kinds.map(storable))]
  const whole = JSON.stringify({ id, sequenceId, n, kinds, since, until, facts })
  return [String(sequenceId), String(n), String(since), String(all.length), ...all, whole]
}

type Held = Omit<AppSummary, 'waits' | 'taken' | 'wake'>

const jsonOf = <T>(text: string | undefined): T | undefined =>
  text === undefined ? undefined : (JSON.parse(text) as T)

function heldOf(appId: string, fields: Fields): Held | undefined {
  const status = fields.get('status')
  if (status === undefined) return undefined
  const number = (name: string): number => Number(fields.get(name) ?? 0)
  const nextAt = fields.get('nextAt') ?? ''
  return {
    ...{ appId, status: status as SummaryStatus, since: number('since') },
    parent: jsonOf<SummaryParent>(fields.get('above')),
    ...{ name: fields.get('name'), title: fields.get('title') },
    labels: jsonOf<Record<string, string>>(fields.get('labels')),
    ...{ pending: number('pending'), retrying: number('retrying'), leaked: number('leaked') },
    nextAt: nextAt === '' ? null : Number(nextAt),
    facts: fields.get('facts') ?? '',
  }
}

/** @param reply the fields of an application; undefined where it has no summary */
export const summaryOf = (appId: string, reply: Reply | undefined): Held | undefined => heldOf(appId, fieldsOf(reply))

const lastOf = (reply: Reply | undefined): StoredPosition | undefined =>
  reply === null || reply === undefined ? undefined : positionOf(textOf(reply))

/** @param reply the partition, the root, its fields, its last row, its claim, whether its lease is over */
export function runOf(reply: Reply | undefined): StoredRun {
  const [part, root, of, last, claim, expired] = listOf(reply)
  const rootId = textOf(root)
  const fields = fieldsOf(of)
  const { parent: _, ...summary } = heldOf(rootId, fields) ?? {}
  const owner = fieldsOf(claim)
  const writer = owner.get('writer')
  const wake = fields.get('wake')
  const beat = owner.get('beat')
  return {
    partitionKey: partitionOf(textOf(part)),
    ...{ rootId, born: Number(fields.get('born')) },
    summary: fields.has('status') ? (summary as StoredRun['summary']) : undefined,
    wakeAt: wake === undefined ? null : Number(wake),
    expired: expired === '1',
    last: lastOf(last),
    claim:
      writer === undefined
        ? undefined
        : {
            ...{ incarnation: Number(owner.get('count')), writer, worker: owner.get('worker') },
            leaseUntil: Number(owner.get('lease')),
            beat: beat === undefined ? undefined : { at: Number(owner.get('beatAt')), data: beat },
          },
  }
}

/** @param reply its fields, and its last row */
export function belowOf(appId: string, reply: Reply | undefined): StoredBelow {
  const [of, last] = listOf(reply)
  const { labels: _, ...summary } = heldOf(appId, fieldsOf(of)) as Held & { readonly parent: SummaryParent }
  return { appId, summary, last: lastOf(last) }
}

/** @param reply `[epoch,step,map,visit]status`, and a number, in turn */
export function countsBelowOf(reply: Reply | undefined): readonly BelowCount[] {
  return [...fieldsOf(reply)].map(([name, count]) => {
    const end = name.lastIndexOf(']') + 1
    const [epoch, sequenceId, map, visit] = JSON.parse(name.slice(0, end)) as [number, number, string, number]
    return { epoch, sequenceId, map, visit, status: name.slice(end) as SummaryStatus, count: Number(count) }
  })
}

/** @param reply partition, root, application, '1' if it is answered, its JSON, title and labels of the root */
export function questionOf(reply: Reply | undefined): OpenQuestion {
  const [part, root, appId, answered, whole, title, labels] = listOf(reply)
  return {
    ...(JSON.parse(textOf(whole)) as StoredWait),
    ...{ partitionKey: partitionOf(textOf(part)), rootId: textOf(root), appId: textOf(appId) },
    ...{ answered: answered === '1', title: optionalText(title) },
    labels: jsonOf<Record<string, string>>(optionalText(labels)) ?? {},
  }
}
