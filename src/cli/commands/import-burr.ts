import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { type BurrImport, importRuns } from '../../adapters/file/burr-import.js'
import { printedAddress } from '../../read/run-address.js'
import { projectsIn } from '../../ui/projects-in.js'
import type { CommandCode } from '../command.js'
import { CommandError, EXIT } from '../command-error.js'
import { type Cell, fixed, note, piece, print, printJson, spaced, Table, widthOfOutput } from '../print.js'
import { placesOf } from '../run-source.js'
import { statusPiece } from '../words.js'

// Owns: `teasel import burr`.

const COLUMNS = [
  { head: '' },
  { head: 'PROJECT', cut: true },
  { head: 'RUN' },
  { head: 'STATUS' },
  { head: 'STEPS', right: true },
  { head: 'BELOW', right: true },
] as const

const MARK = {
  new: fixed('✓ new', 'green'),
  changed: fixed('✓ changed', 'green'),
  same: fixed('· same', 'dim'),
  empty: fixed('· empty', 'dim'),
  refused: fixed('✕ refused', 'red'),
  failed: fixed('✕ failed', 'red'),
} as const

/** `teasel import burr`. */
export const importBurr: CommandCode = async (given, io) => {
  const from = resolve(io.cwd, (given.args[0] ?? '~/.burr').replace(/^~(?=\/|$)/, homedir()))
  const { dir: to } = placesOf(given, io)
  const dryRun = given.flag('dry-run')
  const only = given.text('project')
  const found: BurrImport[] = []
  for (const project of await projectsIn(from, { kind: 'burr' }).names()) {
    if (only !== undefined && project !== only) continue
    for await (const one of importRuns({ from, project, to, dryRun })) {
      found.push(one)
      if (given.flag('json')) await printJson(io, { ...one, ...(dryRun && { dryRun }) })
    }
  }
  if (found.length === 0)
    throw new CommandError(
      'no-runs',
      `There are no runs of Burr in ${from}${only === undefined ? '' : `, project "${only}"`}.`,
      { hint: `Burr writes to ${join(homedir(), '.burr')}, unless it is told otherwise.` },
    )
  if (!given.flag('json')) await print(io, ...new Table(COLUMNS, widthOfOutput(io)).lines(found.map(rowOf), true))
  for (const { runId, outcome, faults } of found) {
    for (const fault of faults) note(io, spaced(fixed('!', 'yellow'), piece(printedAddress(runId)), piece(fault)))
    if (outcome === 'refused')
      note(
        io,
        spaced(
          fixed('✕', 'red'),
          piece(printedAddress(runId)),
          piece('has a log that is no import. Give another --dir.'),
        ),
      )
  }
  if (!given.flag('json'))
    note(io, [fixed(dryRun ? 'Nothing was written. ' : '', 'dim'), piece(`teasel ui --dir ${to}`, 'dim')])
  return found.some(({ outcome }) => outcome === 'refused' || outcome === 'failed') ? EXIT.failed : EXIT.done
}

const rowOf = ({ project, runId, outcome, status, steps, below }: BurrImport): readonly Cell[] => [
  [MARK[outcome]],
  [piece(project)],
  [piece(printedAddress(runId))],
  status === undefined ? [] : [statusPiece(status)],
  [fixed(steps === undefined ? '' : String(steps))],
  [fixed(below === undefined || below === 0 ? '' : String(below), 'dim')],
]
