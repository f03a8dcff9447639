import { isRef } from './blob-ref.js'

// Owns: which JSON is a line of a log. A file may be damaged, or be no log: what a reader computes with has its type.

type Members = { readonly [name: string]: unknown }
type Type = 'string' | 'number' | 'object' | 'numbers' | 'texts'
type Rules = readonly (readonly [name: string, type: Type])[]

const rules = (type: Type, names: string): Rules => names.split(' ').map((name) => [name, type] as const)

/** Members that a line may have. */
const OPTIONAL: Rules = [
  ...rules(
    'string',
    'runId appId source key status stored policy kind level next position to condition name graph title',
  ),
  ...rules('number', 'app sequenceId epoch incarnation part lost index attempt durationMs visit concurrency delayMs'),
  ...rules('number', 'at since until base sinceMs limit createdAt startedAt'),
  ...rules('object', 'worker labels result schemas forkedFrom'),
  ...rules('texts', 'kinds update'),
  ...rules('numbers', 'queued'),
]
/** Members that a line of its type has. */
const NEEDED: Readonly<Record<string, Rules>> = {
  head: [
    ...rules('string', 'runId'),
    ...rules('number', 'incarnation part time epoch sequenceId'),
    ['worker', 'object'],
  ],
  app: [...rules('number', 'app'), ...rules('string', 'appId')],
  chunks: [...rules('string', 'source'), ...rules('number', 'app n sequenceId'), ...rules('numbers', 'seq time')],
}
const NEEDED_OF_EVENT: Rules = rules('number', 'app seq time')

/** Whether a value has the form of a line. */
export function isLineForm(line: Members): boolean {
  const { type } = line
  if (typeof type !== 'string') return false
  for (const [name, rule] of OPTIONAL) if (line[name] !== undefined && !is(line[name], rule)) return false
  const needed = Object.hasOwn(NEEDED, type) ? (NEEDED[type] ?? []) : NEEDED_OF_EVENT
  for (const [name, rule] of needed) if (!is(line[name], rule)) return false
  if (type === 'head') return isHead(line)
  if (type === 'app') return isPath(line['path'])
  return type !== 'chunks' || areChunks(line)
}

function is(value: unknown, type: Type): boolean {
  switch (type) {
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value)
    case 'numbers':
      return Array.isArray(value) && value.length > 1 && value.every((one) => typeof one === 'number')
    case 'texts':
      return isRef(value) || (Array.isArray(value) && value.every((one) => typeof one === 'string'))
    default:
      return typeof value === type
  }
}

function isHead({ worker, partitionKey }: Members): boolean {
  const { id } = worker as Members
  return typeof id === 'string' && (partitionKey === null || typeof partitionKey === 'string')
}

function isPath(path: unknown): boolean {
  return Array.isArray(path) && path.every(isSegment)
}

function isSegment(one: unknown): boolean {
  if (!Array.isArray(one)) return false
  const [map, visit, key] = one as readonly unknown[]
  return typeof map === 'string' && typeof visit === 'number' && typeof key === 'string'
}

function areChunks({ n, seq, text, cut, items }: Members): boolean {
  const isOfTexts = typeof text === 'string' && Array.isArray(cut) && cut.every((one) => typeof one === 'number')
  if (items === undefined ? !isOfTexts : !Array.isArray(items)) return false
  const { length } = (items ?? cut) as readonly unknown[]
  const numbers = (seq as readonly unknown[]).length
  return n === length && (numbers === 2 || numbers === length)
}
