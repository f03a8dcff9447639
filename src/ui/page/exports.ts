import { href } from './route.js'
import type { RunId } from './run-model.js'

// Owns: runs as files.

/** The address of the file of a run. */
export const exportHref = ({ project, runId, partitionKey }: RunId): string =>
  new URL(href(['api', 'v1', 'runs', runId, 'export'], { project, partition: partitionKey }), globalThis.location.href)
    .href

/** Downloads a file for each run. A browser may ask whether it may take several. */
export function downloadEach(runs: readonly RunId[]): void {
  for (const run of runs) {
    const link = document.createElement('a')
    link.href = exportHref(run)
    link.download = `${run.runId}.jsonl`
    document.body.append(link)
    link.click()
    link.remove()
  }
}
