import { Console } from 'node:console'
import { prepareTypeScript } from '../adapters/worker/load-module.js'

// Owns: what a command has of its process. Tests give their own.
// I1  A reader that closes the pipe ends a listing, and is no error.
// I2  The output has the result of a command, and nothing that a module of a user prints.

/** A stream of output. */
export interface Output {
  /** Calls `written` when the text was taken. */
  write(text: string, written?: () => void): unknown
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
}

/** What a command has of its process. */
export interface Io {
  readonly stdout: Output
  readonly stderr: Output
  readonly env: Readonly<Record<string, string | undefined>>
  /** The working folder, absolute. */
  readonly cwd: string
  /** The text of the standard input. */
  stdin(): Promise<string>
  /** Imports a module by its URL, TypeScript too. */
  load(url: string): Promise<object>
  /** Calls a listener at each Ctrl+C, until the returned function is called. */
  onInterrupt(listener: () => void): () => void
  /** Aborts when the reader of the output has left. I1 */
  readonly left: AbortSignal
  /** For requests to a server. Default: the global one. */
  readonly fetch?: typeof fetch
  /** Epoch milliseconds. */
  now(): number
}

/** The process itself. */
export function processIo(): Io {
  const left = new AbortController()
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
      left.abort() // I1
    })
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    stdin: readInput,
    load: loadModule,
    onInterrupt(listener) {
      process.on('SIGINT', listener)
      return () => void process.off('SIGINT', listener)
    },
    left: left.signal,
    now: () => Date.now(),
  }
}

async function loadModule(url: string): Promise<object> {
  printToErrors()
  await prepareTypeScript(url)
  return (await import(url)) as object
}

/** What the code of a user prints is no result of a command: the output stays a document. I2 */
function printToErrors(): void {
  const { log } = new Console(process.stderr)
  for (const name of ['log', 'info', 'debug'] as const) console[name] = log
}

async function readInput(): Promise<string> {
  process.stdin.setEncoding('utf8')
  let text = ''
  for await (const chunk of process.stdin) text += String(chunk)
  return text
}
