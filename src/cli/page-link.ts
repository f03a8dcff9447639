/** The port of the page, unless it is told another one. */
export const PORT = 7242

/** The address of a run on the page of this machine. */
export const runLink = ({ runId, project }: { readonly runId: string; readonly project: string }): string =>
  `http://127.0.0.1:${PORT}/p/${encodeURIComponent(project)}/r/${encodeURIComponent(runId)}`
