import type { ExitCode } from './command-error.js'
import type { Given } from './given.js'
import type { Io } from './io.js'

// Owns: how a command is declared. One table of declarations drives parsing, help, completion and the guide.

/** An option of a command. */
export interface Option {
  /** The name of its value: `FILE`. Without one it is a switch. */
  readonly value?: string
  /** Its values, where only some are possible. */
  readonly values?: readonly string[]
  /** Whether it can be given several times. */
  readonly many?: true
  /** Its letter. */
  readonly short?: string
  readonly help: string
}

export type Options = Readonly<Record<string, Option>>

/** The code of a command. @returns the code that the process exits with */
export type CommandCode = (given: Given, io: Io) => Promise<ExitCode>

/** A command. */
export interface Command {
  /** One word, or two: `runs ls`. */
  readonly name: string
  /** Its arguments, as help prints them: `RUN[@STEP]`. */
  readonly args: string
  /** How many arguments there are at least and at most. */
  readonly count: readonly [least: number, most: number]
  /** One sentence, without a full stop. */
  readonly summary: string
  /** More of it, for its help. */
  readonly text?: string
  readonly options: Options
  /** Command lines, without `teasel`. */
  readonly examples: readonly string[]
  /** Loads its code: a command costs nothing until it is called. */
  readonly load: () => Promise<CommandCode>
}
