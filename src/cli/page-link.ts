import { printedPath, type WirePath } from '../read/wire-path.js'

/** The port of the page, unless it is told another one. */
export const PORT = 7242

/** The path of a run, of a branch, of a step, on the page. */
export function pathOfRun(
  project: string,
  { runId, path = [], step }: { readonly runId: string; readonly path?: WirePath; readonly step?: number | undefined },
): string {
  const query = new URLSearchParams({
    ...(path.length > 0 && { path: printedPath(path) }),
    ...(step !== undefined && { step: String(step) }),
  })
  return `/p/${encodeURIComponent(project)}/r/${encodeURIComponent(runId)}${query.size > 0 ? `?${query}` : ''}`
}

/** The address of a run on the page of this machine. */
export const runLink = ({ runId, project }: { readonly runId: string; readonly project: string }): string =>
  `http://127.0.0.1:${PORT}${pathOfRun(project, { runId })}`
