import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { openExport } from './client.js'
import { notice } from './dialog.js'
import { readExport } from './file-client.js'
import { Empty, Problem } from './parts.js'
import { go, href } from './route.js'

// Owns: an exported run that is opened in the page: it is dropped anywhere, or chosen.

/** Opens a file of lines. What is no export is refused with its reason. */
export async function openFile(file: File): Promise<void> {
  try {
    const { project, runId } = openExport(file.name, readExport(await file.text()))
    go(href(['p', project, 'r', runId]))
  } catch (error) {
    notice.value = { text: '', error: error as Error }
  }
}

/** @param lost whether the address is of a file that an earlier page had opened */
export function DroppedFile({ lost = false }: { readonly lost?: boolean }): JSX.Element {
  const [error, setError] = useState<Error>()
  return (
    <div class="page">
      <h1>Open an exported run</h1>
      <Empty>
        {lost && <p>This address shows a file that was opened in a page, and is gone with it. Open the file again.</p>}
        <p>Drop a file of an export here, or choose one. It stays in this page, and is sent nowhere.</p>
        <input
          type="file"
          accept=".jsonl"
          aria-label="File of an exported run"
          onChange={({ currentTarget: { files } }) => {
            const file = files?.[0]
            if (file !== undefined) openFile(file).catch(setError)
          }}
        />
      </Empty>
      <Problem error={error} />
    </div>
  )
}
