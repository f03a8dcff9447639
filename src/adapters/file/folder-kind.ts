import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { tryGet } from '../../internal/guards.js'

// Owns: which program wrote the logs of a folder: a file tracker, or the tracker of Burr.
// A folder is read two levels deep, and so many names of each: it may be any folder of a machine.

const MOST_NAMES = 200

/**
 * The program that wrote the logs of a folder. `teasel`: a project in it has the folder `runs`. `burr`: a project in it has an
 * application with the graph or the log of Burr's `LocalTrackingClient`. Undefined for any other folder, or none.
 */
export function folderKind(dir: string): 'teasel' | 'burr' | undefined {
  const projects = foldersIn(dir)
  if (projects.some((name) => existsSync(join(dir, name, 'runs')))) return 'teasel'
  const isBurr = (app: string): boolean => ['graph.json', 'log.jsonl'].every((file) => existsSync(join(app, file)))
  return projects.some((name) => foldersIn(join(dir, name)).some((app) => isBurr(join(dir, name, app))))
    ? 'burr'
    : undefined
}

const foldersIn = (dir: string): readonly string[] =>
  (tryGet(() => readdirSync(dir, { withFileTypes: true })) ?? [])
    .slice(0, MOST_NAMES)
    .filter((one) => one.isDirectory())
    .map(({ name }) => name)
