// Owns: the errors that a command ends with, and the codes that it exits with.

/** Exit codes: the run is done, it failed, the command line is wrong, it was cancelled. */
export const EXIT = { done: 0, failed: 1, usage: 2, cancelled: 130 } as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** Why a command cannot do its work. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  /** For programs: `usage`, `no-run`, `no-module`. */
  readonly code: string
  /** A way to mend it. */
  readonly hint: string | undefined
  readonly exitCode: ExitCode

  constructor(
    code: string,
    message: string,
    more: { readonly hint?: string | undefined; readonly exitCode?: ExitCode; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: more.cause })
    this.code = code
    this.hint = more.hint
    this.exitCode = more.exitCode ?? EXIT.failed
  }
}

/** A wrong command line. */
export const usageError = (message: string, hint = 'teasel --help'): CommandError =>
  new CommandError('usage', message, { hint, exitCode: EXIT.usage })
