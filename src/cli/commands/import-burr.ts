import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { burrReader } from '../../adapters/file/burr-reader.js'
import { projectsIn } from '../../ui/projects-in.js'
import type { CommandCode } from '../command.js'
import { CommandError, EXIT } from '../command-error.js'
import { fixed, note, piece, print, printJson, Table, widthOfOutput } from '../print.js'
import { agoText } from '../words.js'

// Owns: `teasel import burr`.

const COLUMNS = [{ head: 'PROJECT', cut: true }, { head: 'RUNS', right: true }, { head: 'NEWEST' }] as const

/** `teasel import burr`. */
export const importBurr: CommandCode = async (given, io) => {
  const dir = resolve(io.cwd, (given.args[0] ?? '~/.burr').replace(/^~(?=\/|$)/, homedir()))
  const projects: { readonly project: string; readonly runs: number; readonly newest: number | undefined }[] = []
  for (const project of await projectsIn(dir, { kind: 'burr' }).names()) {
    const reader = burrReader({ dir, project })
    const counts = await reader.count({ partitionKey: '*' })
    const runs = Object.values(counts).reduce<number>((sum, one) => (typeof one === 'number' ? sum + one : sum), 0)
    const [newest] = (await reader.list({ partitionKey: '*', limit: 1 })).items
    if (runs > 0) projects.push({ project, runs, newest: newest?.createdAt })
  }
  if (projects.length === 0)
    throw new CommandError('no-runs', `There are no runs of Burr in ${dir}.`, {
      hint: `Burr writes to ${join(homedir(), '.burr')}, unless it is told otherwise.`,
    })
  if (given.flag('json')) for (const one of projects) await printJson(io, { dir, ...one })
  else {
    const rows = projects.map(({ project, runs, newest }) => [
      [piece(project)],
      [fixed(String(runs))],
      [fixed(agoText(newest, io.now()), 'dim')],
    ])
    await print(io, ...new Table(COLUMNS, widthOfOutput(io)).lines(rows, true))
    note(io, [fixed('They are read where they are. ', 'dim'), piece(`teasel ui --burr ${dir}`)])
    note(io, [piece(`teasel runs ls --burr ${dir} --project ${projects[0]?.project ?? ''}`, 'dim')])
  }
  return EXIT.done
}
