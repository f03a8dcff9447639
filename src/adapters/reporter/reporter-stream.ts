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
