import type { OutputStream } from './output-stream.js'
import type { PoolSettings } from './pool-options.js'
import type { Transport } from './transport.js'

// Owns: the lines that one worker writes.

const LAST_LINES = 20
/** A line without an end is passed on in parts of this length. */
const LONGEST = 65_536

export class WorkerOutput {
  readonly #worker: number
  readonly #print: Transport['print']
  readonly #output: PoolSettings['output']
  readonly #open: Record<OutputStream, string> = { stdout: '', stderr: '' }
  readonly #last: string[] = []
  /** The branch that runs there, if only one does. */
  branch: string | undefined

  constructor(worker: number, { print }: Pick<Transport, 'print'>, { output }: Pick<PoolSettings, 'output'>) {
    this.#worker = worker
    this.#print = print
    this.#output = output
  }

  /** The last lines that it wrote. */
  get last(): readonly string[] {
    return [...this.#last]
  }

  wrote(stream: OutputStream, text: string): void {
    const lines = (this.#open[stream] + text).split('\n')
    const open = lines.pop() ?? ''
    this.#open[stream] = open.length > LONGEST ? '' : open
    if (open.length > LONGEST) lines.push(open)
    for (const line of lines) this.#pass(stream, line)
  }

  /** Passes on lines without an end. */
  end(): void {
    for (const stream of ['stdout', 'stderr'] as const) {
      const line = this.#open[stream]
      this.#open[stream] = ''
      if (line !== '') this.#pass(stream, line)
    }
  }

  #pass(stream: OutputStream, line: string): void {
    this.#last.push(line)
    if (this.#last.length > LAST_LINES) this.#last.shift()
    if (this.#output === undefined) return this.#print(stream, line)
    try {
      this.#output({ line, stream, worker: this.#worker, branch: this.branch })
    } catch (error) {
      this.#print('stderr', `\`output\` of an executor threw: ${String(error)}`)
    }
  }
}
