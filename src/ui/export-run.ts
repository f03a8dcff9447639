import type { ProjectSummary } from '../client/api.js'
import type { RunTarget } from '../read/reader.js'
import { noRun } from './action-target.js'
import { graphOf, runPictureOf } from './graph-of.js'
import { type OpenProject, openProject, type Project } from './project.js'

// Owns: a run as one file of lines, which the page opens again without a server.

/** The version of the lines. */
const VERSION = 1
const LEVELS = 20

/**
 * All that is known of a run, a line of JSON each: `export` first, then `graph`, `picture` (the same with a box for each branch,
 * and its places), `tree`, and each `step` of the root with the state after it; then its events, where the source has them.
 * @throws {UiError} when there is no such run
 */
export async function* exportLines(project: OpenProject, ref: RunTarget): AsyncGenerator<string, void, void> {
  const { reader, name } = project
  const tree = await reader.describe({ ...ref, first: 1000, depth: LEVELS })
  if (tree === undefined) throw noRun({ name }, ref.runId)
  yield line({ type: 'export', v: VERSION, project: name, at: Date.now(), run: tree.run } satisfies ExportHead)
  const hash = tree.run.graph ?? tree.run.name
  const picture = hash === undefined ? undefined : await graphOf(project, hash)
  if (picture !== undefined) yield line({ type: 'graph', hash, picture })
  const drawn = await runPictureOf(project, {
    runId: ref.runId,
    partitionKey: ref.partitionKey ?? null,
    path: [],
    below: true,
  })
  if (drawn?.laid !== undefined) yield line({ type: 'picture', ...drawn })
  yield line({ type: 'tree', tree })
  let after: string | undefined
  do {
    const page = await reader.steps({ ...ref, limit: 100, after })
    for (const step of page.items) {
      const state = await reader.state({ ...ref, sequenceId: step.sequenceId, epoch: step.epoch })
      yield line({ type: 'step', step, ...(state !== undefined && { state }) })
    }
    after = page.after
  } while (after !== undefined)
  if (reader.events === undefined) return
  for await (const event of reader.events({ ...ref, follow: false })) yield line(event)
}

/**
 * All that is known of a run, as lines of JSON: a file of them is opened by the page without a server.
 * @throws {UiError} when there is no such run
 * @throws {TypeError} for a project without anything to read
 *
 * @example
 * ```ts no-run
 * for await (const line of exportRun({ persister }, { runId: 'order-7' })) process.stdout.write(line)
 * ```
 */
export const exportRun = (project: Project, ref: RunTarget): AsyncGenerator<string, void, void> =>
  exportLines(openProject('runs', project), ref)

/** The first line. */
interface ExportHead {
  readonly type: 'export'
  readonly v: number
  readonly project: ProjectSummary['name']
  readonly at: number
  readonly run: unknown
}

const line = (value: object): string => `${JSON.stringify(value)}\n`
