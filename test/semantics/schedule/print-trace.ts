import type { AnyEvent } from 'teasel'
import type { Paint } from './paint.js'
import type { Entry } from './trace.js'

// A readable trace: each turn with its effects.

/** The lines of a trace. Equal turns without effects share one line. */
export function traceLines(entries: readonly Entry[], paint: Paint): string[] {
  const lines: string[] = []
  let alike: Turn[] = []
  const flush = (): void => {
    if (alike.length > 0) lines.push(turnLine(alike, paint))
    alike = []
  }
  for (const entry of entries) {
    const [first] = alike
    if (entry.kind !== 'turn' || (first !== undefined && first.label !== entry.label)) flush()
    if (entry.kind === 'turn') alike.push(entry)
    else lines.push(`      ${line(entry, paint)}`)
  }
  flush()
  return lines
}

type Turn = Extract<Entry, { kind: 'turn' }>

function turnLine(alike: readonly Turn[], paint: Paint): string {
  const [first] = alike
  const last = alike.at(-1)
  if (first === undefined || last === undefined) return ''
  const turns = first === last ? `turn ${first.turn}` : `turns ${first.turn} to ${last.turn}`
  return `${paint.bold(turns)}  ${paint.dim(`+${last.at} ms`)}  ${paint.cyan(first.label)}`
}

function line(entry: Exclude<Entry, { kind: 'turn' }>, paint: Paint): string {
  switch (entry.kind) {
    case 'event': {
      const seq = paint.dim(String(entry.event.seq).padStart(3))
      const where = entry.path === '' ? '·' : entry.path
      return `${seq} ${colour(entry.event, paint)(entry.event.type.padEnd(14))} ${where}  ${paint.dim(eventText(entry.event))}`
    }
    case 'code':
      return paint.dim(
        `    code of ${place(entry.path)}${entry.name} ${entry.what === 'left' ? 'was left' : entry.what}`,
      )
    case 'reduce':
      return paint.dim(
        `    ${entry.map} reduces ${entry.results.map(({ key, status }) => `${key} ${status}`).join(', ')}`,
      )
    case 'fold':
      return paint.dim(`    ${entry.map} folds ${entry.path} ${entry.status}`)
    case 'sent':
      return paint.dim(`    message ${entry.serial} was sent: ${entry.answer}`)
    case 'heard':
      return paint.dim(
        `    ${place(entry.path)}hears message ${entry.serial} of ${entry.from === '' ? 'outside' : entry.from}`,
      )
    case 'cancel':
      return paint.yellow(`    cancel by ${entry.door}${entry.target === '' ? '' : ` of ${entry.target}`}`)
    case 'cut':
      return paint.yellow(`    ${entry.path}|${entry.map} gives no more branches`)
    case 'outcome':
      return paint.bold(`    the caller is told: ${outcomeText(entry.outcome)}`)
    case 'broken':
      return paint.red(`    ✗ ${entry.law}: ${entry.what}`)
  }
}

const place = (path: string): string => (path === '' ? '' : `${path} `)

function outcomeText({ status, error, by }: Extract<Entry, { kind: 'outcome' }>['outcome']): string {
  if (error !== undefined) return `${status}: ${said(error)}`
  return by === undefined ? status : `${status} by ${by}`
}

const said = (error: unknown): string => (error instanceof Error ? error.message : String(error))

function colour({ type }: AnyEvent, paint: Paint): (text: string) => string {
  if (type === 'cancel' || type === 'branch.leaked' || type === 'fault') return paint.yellow
  return type.endsWith('.end') || type === 'branch.settled' ? paint.green : (text) => text
}

function eventText(event: AnyEvent): string {
  switch (event.type) {
    case 'run.end':
      return event.error === undefined ? event.status : `${event.status}: ${said(event.error)}`
    case 'step.start':
    case 'reduce':
      return event.source
    case 'step.end':
      return `${event.source} ${event.status}${event.status === 'failed' ? `: ${said(event.error)}` : ''}`
    case 'map.start':
      return `${event.source}, ${event.total ?? 'some'} branches, ${event.policy}`
    case 'map.end':
      return `${event.source}: ${event.done} done, ${event.failed} failed, ${event.cancelled} cancelled`
    case 'branch.settled':
      return `${event.status}${event.result.status === 'cancelled' ? ` by ${event.result.by}` : ''}${event.result.status === 'failed' ? `: ${said(event.result.error)}` : ''}`
    case 'branch.leaked':
      return `${event.source} after ${event.sinceMs} ms`
    case 'retry':
      return `${event.source}, attempt ${event.attempt} in ${event.delayMs} ms`
    case 'cancel':
      return `by ${event.by} (${event.cause})`
    case 'message':
      return `to ${event.to}: ${event.delivery}`
    case 'transition':
      return `${event.source} → ${event.to}${event.onError ? ' on error' : ''}`
    case 'chunk':
      return String(event.chunk)
    case 'fault':
      return `${event.where}: ${said(event.error)}`
    default:
      return ''
  }
}
