import { pathToFileURL } from 'node:url'
import { format } from 'node:util'

// Imports the modules that its arguments name, one after another, and prints what each printed or threw, as JSON.
const write = console.log
const ran: { file: string; printed: string; error?: string }[] = []
for (const file of process.argv.slice(2)) {
  const lines: string[] = []
  console.log = (...values: unknown[]) => void lines.push(format(...values))
  const error = await import(pathToFileURL(file).href).then(
    () => undefined,
    (thrown: unknown) => (thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)),
  )
  ran.push({ file, printed: lines.join('\n'), ...(error !== undefined && { error }) })
}
write(JSON.stringify(ran))
