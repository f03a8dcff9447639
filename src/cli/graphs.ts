import type { Hosted } from '../host/hosted.js'
import { isPlainObject } from '../internal/guards.js'
import { CommandError } from './command-error.js'
import type { Io } from './io.js'
import { graphOfProgram, loadFrom, programOf } from './program.js'

// Owns: the graphs of the runs of a store, by the names that these runs have.

export const isHosted = (value: unknown): value is Hosted =>
  isPlainObject(value) && isPlainObject(value['options']) && 'graph' in value

/** Every graph that modules export, under the name of its export: a run of `teasel run` and of a host has that name. */
export async function graphsOf(files: readonly string[], io: Io): Promise<Readonly<Record<string, Hosted>>> {
  const graphs: Record<string, Hosted> = {}
  for (const file of files)
    for (const [name, value] of Object.entries(await loadFrom(file, io))) {
      const found = isHosted(value) ? value : await graphIn(name, value)
      if (found !== undefined) graphs[name] = found
    }
  if (Object.keys(graphs).length > 0) return graphs
  throw new CommandError('no-export', `${files.join(', ')} exports no graph.`, {
    hint: 'Export the graph: export const graph = …',
  })
}

async function graphIn(name: string, value: unknown): Promise<Hosted | undefined> {
  const program = await programOf(name, value, undefined, false)
  return program && { graph: graphOfProgram(program), options: { entrypoint: program.plan.entrypoint.name } }
}
