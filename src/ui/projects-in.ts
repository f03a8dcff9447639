import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { burrReader, fileReader, removeLog } from '../adapters/file/index.js'
import { unlessGone } from '../adapters/file/reading.js'
import { describeValue, tryGet } from '../internal/guards.js'
import { checkOptions } from '../internal/options.js'
import type { RunTarget } from '../read/reader.js'
import type { Project, ProjectSource } from './project.js'

// Owns: the projects of a folder, as they come and go.
// J1  Only names that the folder lists are opened: no name leads out of it.

/** Options of {@link projectsIn}. */
export interface ProjectsInOptions {
  /** `teasel` (default): the folder of a `fileTracker`. `burr`: the `storage_dir` of Burr's `LocalTrackingClient`. */
  readonly kind?: 'teasel' | 'burr' | undefined
  /** What each project has besides its reader: a persister, a host, graphs. Default: nothing, so it is only read. */
  readonly more?: ((name: string) => Omit<Project, 'reader'>) | undefined
}

/**
 * The projects in the folder of a tracker, one a subfolder, also those that are made later.
 * @throws {TypeError} for invalid options
 *
 * @example
 * ```ts no-run
 * const handler = createUiHandler({ projects: projectsIn('.teasel') })
 * ```
 */
export function projectsIn(dir: string, options: ProjectsInOptions = {}): ProjectSource {
  checkOptions('projectsIn', options, 'kind more')
  const { kind = 'teasel', more } = options
  if (typeof dir !== 'string' || dir === '')
    throw new TypeError(`projectsIn takes the path of a folder, not ${describeValue(dir)}.`)
  if (kind !== 'teasel' && kind !== 'burr')
    throw new TypeError(`kind is ${describeValue(kind)}; it takes 'teasel' or 'burr'.`)
  const opened = new Map<string, Project>()
  const make = (name: string): Project => {
    if (kind === 'burr') return { ...more?.(name), reader: burrReader({ dir, project: name }) }
    const remove = (ref: RunTarget): Promise<unknown> => removeLog({ dir, project: name, ...ref })
    return { remove, ...more?.(name), reader: fileReader({ dir, project: name }) }
  }
  return {
    names: () => foldersIn(dir, kind === 'burr' ? '' : 'runs'),
    async open(name) {
      if (!(await foldersIn(dir, kind === 'burr' ? '' : 'runs')).includes(name)) return undefined
      const project = opened.get(name) ?? make(name)
      opened.set(name, project)
      return project
    },
  }
}

/** The names of the folders in a folder. @param inside the folder that each of them has */
async function foldersIn(dir: string, inside: string): Promise<readonly string[]> {
  const entries = (await unlessGone(dir, () => readdir(dir, { withFileTypes: true }))) ?? []
  const names: string[] = []
  for (const entry of entries) {
    const name = entry.isDirectory() ? tryGet(() => decodeURIComponent(entry.name)) : undefined
    if (name === undefined || /^[.~]/.test(entry.name)) continue // of a name that is too long, only its hash is there
    const folder = join(dir, entry.name)
    const has = inside === '' || (await unlessGone(folder, () => readdir(folder)))?.includes(inside) === true
    if (has) names.push(name)
  }
  return names.sort()
}
