import { ACTING } from './acting-commands.js'
import type { Command } from './command.js'
import { EXIT, usageError } from './command-error.js'
import { completionOf, SHELLS } from './completion.js'
import { printJson, write } from './print.js'
import { READING } from './reading-commands.js'

// Owns: the table of commands: parsing, help, completion and the guide are made from it.

const COMPLETION: Command = {
  name: 'completion',
  args: 'bash|zsh|fish',
  count: [1, 1],
  summary: 'Print the completion script of a shell',
  options: {},
  examples: ['completion bash > ~/.local/share/bash-completion/completions/teasel', 'completion fish | source'],
  load: async () => async (given, io) => {
    const shell = SHELLS.find((one) => one === given.arg(0))
    if (shell === undefined)
      throw usageError(`There is no completion for "${given.arg(0)}".`, `It takes ${SHELLS.join(', ')}.`)
    const script = completionOf(shell, COMMANDS)
    await (given.flag('json') ? printJson(io, { shell, script }) : write(io, script))
    return EXIT.done
  },
}

const ORDER =
  'ui|demo|run|graph|runs ls|runs show|runs tail|runs diff|runs export|runs rm|pending|answer|cancel|resume|fork|rewind|test-case|worker|mcp|import burr|doctor'.split(
    '|',
  )

/** Every command, in the order of its help. */
export const COMMANDS: readonly Command[] = [
  ...[...READING, ...ACTING].sort((a, b) => ORDER.indexOf(a.name) - ORDER.indexOf(b.name)),
  COMPLETION,
]
