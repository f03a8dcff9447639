import { UiError } from '../../client/ui-error.js'
import { isPlainObject } from '../../internal/guards.js'
import { pause } from '../../internal/pause.js'
import { isOpen } from '../../read/status.js'
import type { RunTree } from '../../read/tree.js'
import { printedPath } from '../../read/wire-path.js'
import type { WireEvent } from '../../wire/events.js'
import { addressOf } from '../address.js'
import type { CommandCode } from '../command.js'
import { EXIT, type ExitCode } from '../command-error.js'
import type { Given } from '../given.js'
import type { Io } from '../io.js'
import { fixed, type Piece, piece, print, printJson, spaced } from '../print.js'
import { findRun, openSource, type RunReader } from '../run-source.js'
import { countPieces, durationText, markPiece, statusPiece, valueText } from '../words.js'

// Owns: `teasel runs tail`.

const LOOK_MS = 1000

/** `teasel runs tail`. */
export const runsTail: CommandCode = async (given, io) => {
  await using source = await openSource(given, io)
  const { runId, partitionKey } = await findRun(source, given, addressOf(given.arg(0)).runId)
  const stop = new AbortController()
  const end = io.onInterrupt(() => stop.abort())
  io.left.addEventListener('abort', () => stop.abort(), { once: true })
  const ref = { runId, partitionKey }
  try {
    const { reader } = source
    if (reader.events === undefined || reader.streams === 'trees')
      return await tailTree(reader, ref, stop.signal, given, io)
    try {
      return await tailEvents(reader.events.bind(reader), ref, stop.signal, given, io)
    } catch (error) {
      if (!UiError.is(error) || error.code !== 'no-events') throw error
      return await tailTree(reader, ref, stop.signal, given, io)
    }
  } finally {
    end()
  }
}

interface Ref {
  readonly runId: string
  readonly partitionKey: string | null
}

async function tailEvents(
  events: NonNullable<RunReader['events']>,
  ref: Ref,
  signal: AbortSignal,
  given: Given,
  io: Io,
): Promise<ExitCode> {
  const types = given.texts('type').flatMap((text) => text.split(','))
  const after = given.text('after')
  const query = {
    ...ref,
    follow: !given.flag('no-follow'),
    signal,
    ...(types.length > 0 && { types }),
    ...(after !== undefined && { after }),
  }
  try {
    for await (const event of events(query)) {
      if (given.flag('json')) await printJson(io, event)
      else {
        const line = lineOfEvent(event)
        if (line !== undefined) await print(io, line)
      }
      if (
        event.type === 'run.end' &&
        event.path.length === 0 &&
        event['status'] === 'failed' &&
        given.flag('exit-code')
      )
        return EXIT.failed
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
  return signal.aborted && !io.left.aborted ? EXIT.cancelled : EXIT.done
}

/** The line of an event; undefined for one that another line tells as well. */
export function lineOfEvent(event: WireEvent): Piece[] | undefined {
  const { type, time, path } = event
  const text = (name: string): string => (event[name] === undefined ? '' : valueText(event[name]))
  const status = text('status')
  const about = (...pieces: readonly (Piece | undefined)[]): Piece[] =>
    spaced(fixed(clockText(time), 'dim'), piece(printedPath(path), 'dim'), ...pieces)
  switch (type) {
    case 'run.start':
      return path.length > 0
        ? undefined
        : about(fixed('▶', 'cyan'), piece('run starts at'), piece(text('next'), 'bold'))
    case 'run.end':
      return path.length > 0 ? undefined : about(statusPiece(status), piece(errorText(event['error']), 'red'))
    case 'step.start':
      return about(
        fixed('▶', 'cyan'),
        piece(text('source')),
        piece(Number(event['attempt'] ?? 1) > 1 ? `attempt ${text('attempt')}` : '', 'yellow'),
      )
    case 'step.end':
      return about(
        markPiece(status),
        piece(text('source')),
        fixed(durationText(Number(event['durationMs'])), 'dim'),
        piece(errorText(event['error']), 'red'),
      )
    case 'branch.settled':
      return about(markPiece(status), piece(`branch ${text('key')}`), piece(status, 'dim'))
    case 'map.start':
      return about(
        fixed('▶', 'cyan'),
        piece(`map ${text('source')}`),
        piece(event['total'] === undefined ? '' : `of ${text('total')}`, 'dim'),
      )
    case 'map.end':
      return about(
        fixed('✓'),
        piece(`map ${text('source')}`),
        fixed(`✓${text('done')} ✕${text('failed')} ⊘${text('cancelled')}`),
      )
    case 'chunk':
      return about(fixed('…', 'dim'), piece(text('source')), piece(valueText(event['chunk']), 'dim'))
    case 'log':
      return about(fixed('·', 'dim'), piece(text('level')), piece(text('text')))
    case 'wait':
      return about(
        fixed('⏸', 'yellow'),
        piece(text('source')),
        piece(event['from'] === 'time' ? 'sleeps' : `waits for ${[event['kinds']].flat().join(', ')}`),
        piece(text('ask'), 'dim'),
      )
    case 'retry':
      return about(
        fixed('↻', 'yellow'),
        piece(text('source')),
        piece(`again in ${durationText(Number(event['delayMs']))}`),
        piece(errorText(event['error']), 'red'),
      )
    case 'cancel':
      return about(fixed('⊘', 'yellow'), piece(`cancelled by ${text('by')}`), piece(text('reason'), 'dim'))
    case 'progress':
      return about(
        fixed('·', 'dim'),
        piece(text('source')),
        piece(event['fraction'] === undefined ? '' : `${Math.floor(Number(event['fraction']) * 100)} %`),
        piece([text('done'), text('total')].filter((one) => one !== '').join('/')),
        piece(text('message')),
      )
    case 'fault':
      return about(fixed('✕', 'red'), piece(text('where')), piece(errorText(event['error']), 'red'))
    case 'branch.leaked':
      return about(fixed('✕', 'yellow'), piece(text('source')), piece('was abandoned', 'yellow'))
    default:
      return undefined
  }
}

const clockText = (time: number): string => new Date(time).toISOString().slice(11, 23)

/** The innermost cause of an error in the form of the codec. */
function errorText(error: unknown): string {
  if (!isPlainObject(error)) return error === undefined ? '' : valueText(error)
  const props = Array.isArray(error['props']) ? (error['props'] as readonly (readonly [string, unknown])[]) : []
  const cause = props.find(([name]) => name === 'cause')?.[1]
  return isPlainObject(cause) ? errorText(cause) : `${String(error['name'])}: ${String(error['message'])}`
}

/** A store has no events: the tree is read again and again, and a change is a line. */
async function tailTree(reader: RunReader, ref: Ref, signal: AbortSignal, given: Given, io: Io): Promise<ExitCode> {
  let before = ''
  while (!signal.aborted) {
    const tree = await reader.describe({ ...ref, first: 1, depth: 1 })
    if (tree === undefined) return EXIT.done
    const { run } = tree
    const state = JSON.stringify([run.status, run.sequenceId, run.position, run.next, run.branches, run.pending])
    if (state !== before) await printTree(tree, given, io)
    before = state
    if (!isOpen(run.status) || given.flag('no-follow')) return EXIT.done
    await pause(LOOK_MS, signal)
  }
  return io.left.aborted ? EXIT.done : EXIT.cancelled
}

async function printTree(tree: RunTree, given: Given, io: Io): Promise<void> {
  const { run, asOf } = tree
  if (given.flag('json')) return printJson(io, run)
  const at = [run.position, run.next].filter((one) => one !== undefined).join(' → ')
  await print(io, [
    ...spaced(
      fixed(clockText(asOf.at), 'dim'),
      statusPiece(run.status),
      piece(at),
      fixed(`step ${run.sequenceId}`, 'dim'),
    ),
    fixed(' '),
    ...countPieces(run.branches),
  ])
}
