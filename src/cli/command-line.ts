import { UiError } from '../client/ui-error.js'
import { InputError } from '../errors.js'
import { isInstance, isObject, messageOf } from '../internal/guards.js'
import { CommandError, EXIT, type ExitCode } from './command-error.js'
import { COMMANDS } from './commands.js'
import { helpOf, helpOfCommand, helpOfGroup } from './help.js'
import type { Io } from './io.js'
import { commandOf, parse } from './parse.js'
import { OutputClosed, printError, write } from './print.js'
import { versionText } from './version.js'

// Owns: one call of the command line, from its words to its exit code.

/** Runs a command line. Never rejects. @param argv the words behind `teasel` */
export async function main(argv: readonly string[], io: Io): Promise<ExitCode> {
  try {
    return await called(argv, io)
  } catch (error) {
    if (isInstance(error, OutputClosed)) return EXIT.done
    const told = asCommandError(error)
    printError(io, told, argv.includes('--json'))
    return told.exitCode
  }
}

async function called(argv: readonly string[], io: Io): Promise<ExitCode> {
  const [first] = argv
  if (first === undefined || first === '--help' || first === '-h' || (first === 'help' && argv.length === 1)) {
    await write(io, helpOf(COMMANDS))
    return first === undefined ? EXIT.usage : EXIT.done
  }
  if (first === '--version' || first === '-v') {
    await write(io, `${versionText()}\n`)
    return EXIT.done
  }
  const words = first === 'help' ? [...argv.slice(1), '--help'] : argv
  const isHelp = words.some((word) => word === '--help' || word === '-h')
  const group = COMMANDS.filter(({ name }) => name.startsWith(`${words[0]} `))
  if (isHelp && group.length > 0 && !group.some(({ name }) => name === `${words[0]} ${words[1]}`)) {
    await write(io, helpOfGroup(group))
    return EXIT.done
  }
  const { command, rest } = commandOf(COMMANDS, words)
  const given = parse(command, rest)
  if (given.flag('help')) {
    await write(io, helpOfCommand(command))
    return EXIT.done
  }
  const code = await command.load()
  return code(given, io)
}

/** Any error, as a command ends with it. A wrong query is a wrong command line. */
function asCommandError(error: unknown): CommandError {
  if (isInstance(error, CommandError)) return error
  const { code, hint, issues } = (isObject(error) ? error : {}) as Readonly<Record<string, unknown>>
  const more = [hint, ...(UiError.is(error) && Array.isArray(issues) ? issues : [])]
  const lines = more.filter((one): one is string => typeof one === 'string')
  return new CommandError(typeof code === 'string' ? code : 'failed', messageOf(error), {
    ...(lines.length > 0 && { hint: lines.join('\n') }),
    ...((code === 'bad-query' || InputError.is(error)) && { exitCode: EXIT.usage }),
    cause: error,
  })
}
