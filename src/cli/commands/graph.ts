import { readFile, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { toDot } from '../../visualize/dot.js'
import { toMachine } from '../../visualize/machine.js'
import { toMermaid } from '../../visualize/mermaid.js'
import { toOutline } from '../../visualize/outline.js'
import { type RunMarks, readMarks } from '../../visualize/run-marks.js'
import { toSvg } from '../../visualize/svg.js'
import { addressOf } from '../address.js'
import type { CommandCode } from '../command.js'
import { CommandError, EXIT, usageError } from '../command-error.js'
import type { Given } from '../given.js'
import { GRAPH_OPTIONS } from '../graph-options.js'
import type { Io } from '../io.js'
import { parseOptions } from '../parse.js'
import { type Marker, markersIn, withPictures } from '../picture-markers.js'
import { fixed, note, piece, print, printJson, write } from '../print.js'
import { loadProgram, runnableOf } from '../program.js'
import { findRun, openSource } from '../run-source.js'
import { linesOfDiff } from '../text-diff.js'

// Owns: `teasel graph`.

/** `teasel graph`. */
export const graph: CommandCode = async (given, io) => {
  const [check, renew] = [given.texts('check'), given.texts('write')]
  if (check.length > 0 && renew.length > 0) throw usageError('--check and --write exclude each other.')
  const files = [...check, ...renew]
  if (files.length > 0) return renewFiles(files, renew.length > 0, given, io)
  if (given.args.length === 0) throw usageError('`teasel graph` needs MODULE[#EXPORT].', 'teasel graph app.ts#graph')
  const text = await pictureText(given.arg(0), given, io)
  const out = given.text('output')
  if (out === undefined) {
    if (given.flag('json')) await printJson(io, { format: formatOf(given), picture: text })
    else await write(io, `${text.trimEnd()}\n`)
    return EXIT.done
  }
  await writeFile(resolve(io.cwd, out), `${text.trimEnd()}\n`)
  if (given.flag('json')) await printJson(io, { format: formatOf(given), file: out })
  else note(io, [fixed('✓ ', 'green'), piece(out)])
  return EXIT.done
}

const formatOf = (given: Given): string => given.text('format') ?? 'mermaid'

async function pictureText(target: string, given: Given, io: Io): Promise<string> {
  const runnable = runnableOf(await loadProgram(target, io, given.text('entry')))
  const depth = given.whole('depth', 0, 20)
  const direction = given.text('direction') === 'LR' ? 'LR' : 'TB'
  const theme = given.text('theme') === 'dark' ? 'dark' : 'light'
  const run = await marksOf(given, io)
  const options = { direction, ...(depth !== undefined && { depth }), ...(run !== undefined && { run }) } as const
  switch (formatOf(given)) {
    case 'dot':
      return toDot(runnable, { ...options, state: given.flag('state') })
    case 'svg':
      return toSvg(runnable, { ...options, theme, state: given.flag('state') })
    case 'machine':
      return JSON.stringify(toMachine(runnable, { run }), null, 2)
    case 'outline': {
      const { direction: _, ...rest } = options
      return toOutline(runnable, rest)
    }
    default:
      return toMermaid(runnable, options)
  }
}

async function marksOf(given: Given, io: Io): Promise<RunMarks | undefined> {
  const run = given.text('run')
  if (run === undefined) return undefined
  await using source = await openSource(given, io)
  return await readMarks(source.reader, await findRun(source, given, addressOf(run).runId))
}

interface Checked {
  readonly file: string
  readonly line: number
  readonly target: string
  readonly fresh: boolean
}

async function renewFiles(files: readonly string[], isWriting: boolean, given: Given, io: Io): Promise<0 | 1> {
  const checks: (readonly Checked[])[] = []
  for (const file of files) checks.push(await renewFile(file, isWriting, given, io))
  const checked = checks.flat()
  if (given.flag('json')) await printJson(io, { pictures: checked })
  return isWriting || checked.every(({ fresh }) => fresh) ? EXIT.done : EXIT.failed
}

async function renewFile(file: string, isWriting: boolean, given: Given, io: Io): Promise<readonly Checked[]> {
  const path = resolve(io.cwd, file)
  const before = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new CommandError('no-file', `There is no file ${path}.`, { cause })
  })
  const markers = markersIn(before, file)
  if (markers.length === 0)
    throw usageError(
      `${file} marks no picture.`,
      'Put `<!-- teasel graph app.ts#graph -->` on a line of its own above a fenced block.',
    )
  const there = { ...io, cwd: dirname(path) }
  const checked: Checked[] = []
  const pictures: string[] = []
  for (const marker of markers) {
    const { options, target } = ownOptions(marker, given, file)
    const picture = (await pictureText(target, options, target === given.args[0] ? io : there)).trimEnd()
    const fresh = marker.picture === picture
    checked.push({ file, line: marker.line, target, fresh })
    pictures.push(picture)
    if (!given.flag('json')) await report(io, marker, { file, target, fresh, isWriting }, picture)
  }
  if (isWriting && checked.some(({ fresh }) => !fresh)) await writeFile(path, withPictures(before, markers, pictures))
  return checked
}

function ownOptions(marker: Marker, given: Given, file: string): { readonly options: Given; readonly target: string } {
  const options = parseOptions(GRAPH_OPTIONS, marker.words, `${file}:${marker.line}`)
  const target = options.args[0] ?? given.args[0]
  if (target === undefined)
    throw usageError(`${file}:${marker.line} names no module.`, 'Write `<!-- teasel graph app.ts#graph -->`.')
  return { options, target }
}

async function report(
  io: Io,
  marker: Marker,
  { file, target, fresh, isWriting }: Omit<Checked, 'line'> & { readonly isWriting: boolean },
  picture: string,
): Promise<void> {
  const word = fresh ? 'is fresh' : isWriting ? 'is renewed' : 'is stale'
  const mark = fresh || isWriting ? fixed('✓ ', 'green') : fixed('✕ ', 'red')
  await print(io, [mark, piece(`${file}:${marker.line}`), fixed(' '), piece(target, 'dim'), fixed(` ${word}`)])
  if (fresh || isWriting) return
  await print(io, ...linesOfDiff(marker.picture, picture))
  note(io, [fixed(`  teasel graph --write ${file}`, 'dim')])
}
