import { existsSync } from 'node:fs'
import type { Project, ProjectSource } from '../../ui/project.js'
import { projectsIn } from '../../ui/projects-in.js'
import { addressOf } from '../address.js'
import type { CommandCode } from '../command.js'
import { usageError } from '../command-error.js'
import { graphsOf } from '../graphs.js'
import { openPage } from '../open-page.js'
import { pathOfRun } from '../page-link.js'
import { note, piece } from '../print.js'
import { folderIn, openStore, placesOf, withoutPassword } from '../run-source.js'

// Owns: `teasel ui`.

/** `teasel ui`. */
export const ui: CommandCode = async (given, io) => {
  const folder = folderIn(given.args[0], io)
  const { dir, store, burr, url } = placesOf(given, io, folder)
  if (url !== undefined) throw usageError('A page of a server is opened there.', url)
  const actions = !given.flag('read-only')
  const [run] = folder === undefined ? given.args : []
  const address = run === undefined ? undefined : addressOf(run)
  const pathIn = (project: string): string => (address === undefined ? '/' : pathOfRun(project, address))
  const modules = given.texts('graphs')
  if (store !== undefined) {
    const name = given.text('project') ?? 'runs'
    const graphs = modules.length === 0 ? undefined : await graphsOf(modules, io)
    await using persister = await openStore(store, io)
    const about = `The runs of ${withoutPassword(store)}.`
    const project = { persister, ...(graphs && { graphs }) }
    return await openPage({ projects: { [name]: project }, actions }, { path: pathIn(name), about }, given, io)
  }
  if (modules.length > 0)
    throw usageError('--graphs is for the runs of a store; a log has the pictures of its graphs.', 'Give --store too.')
  if (burr === undefined && !existsSync(dir) && !given.flag('json'))
    note(io, [
      piece(`There is no folder ${dir} yet: the page waits for its first run. \`teasel demo\` has some.`, 'yellow'),
    ])
  const all = projectsIn(burr ?? dir, { kind: burr === undefined ? 'teasel' : 'burr' })
  const only = given.text('project')
  const projects = only === undefined ? all : onlyOne(all, only)
  const about = burr === undefined ? `The runs of ${dir}.` : `What Burr has tracked in ${burr}: read only.`
  return await openPage({ projects, actions }, { path: pathIn(only ?? 'default'), about }, given, io)
}

/** A source with one of its projects. */
const onlyOne = (all: ProjectSource, name: string): ProjectSource => ({
  names: async () => (await all.names()).filter((one) => one === name),
  open: (one): Promise<Project | undefined> => (one === name ? all.open(one) : Promise.resolve(undefined)),
})
