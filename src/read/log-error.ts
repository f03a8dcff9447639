import { TeaselError } from '../errors.js'

// Owns: the error of a reader whose file system refuses it.

/** What happened, and what to do, by the code of the system. */
const WORDS: Readonly<Record<string, readonly [what: string, remedy: string]>> = {
  EACCES: ['this process may not read it', 'Give its user the right to read it.'],
  EPERM: ['this process may not read it', 'Give its user the right to read it.'],
  ENOTDIR: ['a part of its path is a file, not a folder', 'Give the folder that the tracker writes to as dir.'],
  EISDIR: ['it is a folder, not a file', 'Move it away: nothing that Teasel writes has this name.'],
  EMFILE: ['this process has too many files open', 'Raise its limit (ulimit -n), or read less at once.'],
  ENFILE: ['this machine has too many files open', 'Close some, or raise its limit.'],
  ELOOP: ['its links lead in a circle', 'Mend the link, or give another folder as dir.'],
  EIO: ['the disk failed', 'Check the disk; a copy of the folder can be read elsewhere.'],
  EBADMSG: ['its first line is damaged', 'Put a copy of it in its place, or remove it.'],
  ESTALE: ['the network drive has lost it', 'Mount the drive again.'],
}

/** What is other where a log is removed. */
const WORDS_OF_REMOVAL: typeof WORDS = {
  EACCES: ['this process may not change its folder', 'Give its user the right to write there.'],
  EPERM: ['this process may not change it, or its folder', 'Give its user the right to write there.'],
  EROFS: ['its file system can only be read', 'Mount it so that it can be written.'],
  EBUSY: ['another process uses it', 'Remove it again when that has ended.'],
}

/**
 * A file or a folder of logs could not be read, or a log could not be removed. The call can be made again. Reading changes
 * nothing; what is left of a log that is removed in part is in no list.
 */
export class LogError extends TeaselError {
  static override readonly name: string = 'LogError'
  static readonly code = 'log'
  readonly code = 'log'
  override readonly name = 'LogError'
  /** The file or the folder. */
  readonly path: string
  /** The code of the system, such as `EACCES`; `EBADMSG` for a file that was read and is no log. */
  readonly systemCode: string

  readonly operation: 'read' | 'remove'

  constructor(
    path: string,
    systemCode: string,
    { operation = 'read', ...options }: ErrorOptions & { readonly operation?: 'read' | 'remove' } = {},
  ) {
    const own = operation === 'remove' ? WORDS_OF_REMOVAL[systemCode] : undefined
    const [what, remedy] = own ??
      WORDS[systemCode] ?? ['the system refused', 'Look the code up in the manual of the system.']
    super(
      `"${path}" cannot be ${operation === 'remove' ? 'removed' : 'read'}: ${what} (${systemCode}). ${remedy}`,
      options,
    )
    this.operation = operation
    this.path = path
    this.systemCode = systemCode
  }
}

/** Whether a log was read that is none: nothing but its name is known. */
export const isDamaged = (error: unknown): boolean => LogError.is(error) && error.systemCode === 'EBADMSG'
