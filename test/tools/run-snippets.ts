import { pathToFileURL } from 'node:url'
import { format } from 'node:util'

// Imports the modules of its arguments, one after another. Prints as JSON their outputs, their errors, and
// their exported pictures.
const write = console.log
const ran: { file: string; printed: string; picture?: unknown; error?: string }[] = []
for (const file of process.argv.slice(2)) {
  const lines: string[] = []
  console.log = (...values: unknown[]) => void lines.push(format(...values))
  const end = await import(pathToFileURL(file).href).then(
    ({ picture }: { readonly picture?: unknown }) => ({ picture }),
    (thrown: unknown) => ({ error: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown) }),
  )
  ran.push({ file, printed: lines.join('\n'), ...end })
}
write(JSON.stringify(ran))
