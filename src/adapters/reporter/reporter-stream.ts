/** The output of a reporter; `process.stdout` and `process.stderr` are such. */
export interface ReporterStream {
  /** Writes at once; its answer is not read. */
  write(text: string): unknown
  /** Whether it is a terminal. */
  readonly isTTY?: boolean
  /** Columns of the terminal. Default: 80. */
  readonly columns?: number
  /** Rows of the terminal. Default: 24. */
  readonly rows?: number
}

/** What of a stream of Node is used. */
type Emitter = Partial<Pick<NodeJS.EventEmitter, 'once' | 'off' | 'listeners'>>

const ignored = (): void => {}

/**
 * Writes. A stream whose reader has left, such as a pipe to `head`, fails no program: its error is ignored, as that of a
 * `console.log` is.
 * @param write of the stream
 */
export function writeTo(stream: ReporterStream, write: (text: string, done?: Done) => unknown, text: string): void {
  const { once, off, listeners } = stream as Emitter
  if (once === undefined || off === undefined || listeners === undefined) {
    write(text)
    return
  }
  once.call(stream, 'error', ignored)
  try {
    // It is called before a later error is told.
    write(text, (error) => {
      if (error && !listeners.call(stream, 'error').includes(ignored)) once.call(stream, 'error', ignored)
    })
  } finally {
    off.call(stream, 'error', ignored)
  }
}

type Done = (error?: Error | null) => void
