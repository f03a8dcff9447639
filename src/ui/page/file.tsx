import { signal } from '@preact/signals'
import type { JSX } from 'preact'
import { Empty } from './parts.js'

// Owns: an exported log that is opened in the page, without a server.

const opened = signal<{ readonly name: string; readonly lines: readonly string[] } | undefined>(undefined)

export async function openFile(file: File): Promise<void> {
  opened.value = { name: file.name, lines: (await file.text()).split('\n') }
}

export const DroppedFile = (): JSX.Element => (
  <div class="page">
    <h1>{opened.value?.name ?? 'Open an exported run'}</h1>
    <Empty>{opened.value === undefined ? 'Drop a .jsonl here.' : `${opened.value.lines.length} lines`}</Empty>
  </div>
)
