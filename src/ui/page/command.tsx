import type { JSX } from 'preact'
import { printedAddress, shellWord } from '../../read/run-address.js'
import { readPath } from '../../read/wire-path.js'
import { serverUrl } from './client.js'
import { Copy } from './parts.js'
import type { RunId } from './run-model.js'

// Owns: commands for a terminal. They ask the server of this page, so that they find the runs that it shows.

/** A command on one step. @param path that of a branch, printed */
export function commandOn(
  name: string,
  { project, runId, partitionKey }: RunId,
  { path = '', step }: { readonly path?: string; readonly step: number },
  more: readonly string[] = [],
): string {
  const partition = partitionKey === null ? [] : ['--partition', partitionKey]
  const words = [printedAddress(runId, readPath(path), step), ...more, '--url', serverUrl, '--project', project]
  return ['teasel', name, ...[...words, ...partition].map(shellWord)].join(' ')
}

export const Command = ({ text }: { readonly text: string }): JSX.Element => (
  <div class="command-row">
    <code class="command">{text}</code> <Copy text={text} />
  </div>
)
