import { parseArgs } from 'node:util'
import { suggest } from '../internal/nearest.js'
import type { Command, Option, Options } from './command.js'
import { usageError } from './command-error.js'
import { Given } from './given.js'

// Owns: the reading of a command line by the table of commands.

/** Options of every command. */
const COMMON: Options = {
  json: { help: 'Print JSON: a document, or a line for each item of a list. Errors have `code` and `hint`' },
  help: { short: 'h', help: 'Print the help of the command' },
}

/** The command that the first words name, and the words behind it. */
export function commandOf(
  commands: readonly Command[],
  words: readonly string[],
): { readonly command: Command; readonly rest: readonly string[] } {
  const [first = '', second = ''] = words
  const two = commands.find(({ name }) => name === `${first} ${second}`)
  if (two !== undefined) return { command: two, rest: words.slice(2) }
  const one = commands.find(({ name }) => name === first)
  if (one !== undefined) return { command: one, rest: words.slice(1) }
  const group = commands.filter(({ name }) => name.startsWith(`${first} `)).map(({ name }) => name.split(' ')[1] ?? '')
  if (group.length > 0) {
    if (second === '' || second.startsWith('-'))
      throw usageError(`\`teasel ${first}\` needs one more word: ${group.join(', ')}.`, `teasel ${first} --help`)
    throw usageError(`There is no command "${first} ${second}". ${suggest(second, group, 'commands')}`, 'teasel --help')
  }
  const names = [...new Set(commands.map(({ name }) => name.split(' ')[0] ?? ''))]
  throw usageError(`There is no command "${first}". ${suggest(first, names, 'commands')}`, 'teasel --help')
}

/** The options of a command, common ones included. */
export const optionsOf = (command: Command): Options => ({ ...command.options, ...COMMON })

/**
 * Reads the words behind the name of a command.
 * @throws {CommandError} `usage`
 */
export function parse(command: Command, words: readonly string[]): Given {
  const given = parseOptions(optionsOf(command), words, `teasel ${command.name}`)
  if (!given.flag('help')) assertCount(command, given.args)
  return given
}

/** Reads words by a table of options. @param subject the command, or the place, for errors */
export function parseOptions(known: Options, words: readonly string[], subject: string): Given {
  const { tokens } = parseArgs({
    args: [...words],
    options: Object.fromEntries(Object.entries(known).map(([name, option]) => [name, formOf(option)])),
    allowPositionals: true,
    strict: false,
    tokens: true,
  })
  const values: Record<string, string | boolean | string[]> = {}
  const args: string[] = []
  for (const token of tokens) {
    if (token.kind === 'positional') args.push(token.value)
    if (token.kind !== 'option') continue
    const { name, rawName, value } = token
    const option = known[name]
    if (option === undefined) throw unknown(subject, rawName, known)
    values[name] = option.value === undefined ? flag(rawName, value) : text(option, rawName, value, values[name])
  }
  return new Given(values, args)
}

const formOf = ({ value, short }: Option): { type: 'string' | 'boolean'; short?: string } => ({
  type: value === undefined ? 'boolean' : 'string',
  ...(short !== undefined && { short }),
})

function unknown(subject: string, given: string, known: Options): Error {
  const near = suggest(given.replace(/^-+/, ''), Object.keys(known), 'options')
  return usageError(
    `\`${subject}\` has no option "${given}". ${near.replace(/"([^"]+)"/g, '"--$1"')}`,
    `${subject} --help`,
  )
}

function flag(name: string, value: string | undefined): true {
  if (value !== undefined) throw usageError(`${name} is a switch, and takes no value.`)
  return true
}

function text(option: Option, name: string, value: string | undefined, before: unknown): string | string[] {
  if (value === undefined || (value === '' && option.values !== undefined))
    throw usageError(`${name} needs a value: ${name} ${option.value}.`)
  if (option.values !== undefined)
    for (const one of option.many === true ? value.split(',') : [value])
      if (!option.values.includes(one))
        throw usageError(`${name} has the unknown value "${one}". ${suggest(one, option.values, 'values')}`)
  if (option.many !== true) return value
  return [...(Array.isArray(before) ? (before as string[]) : []), value]
}

function assertCount({ name, args: form, count: [least, most] }: Command, args: readonly string[]): void {
  const line = `teasel ${name}${form === '' ? '' : ` ${form}`}`
  if (args.length < least) throw usageError(`\`teasel ${name}\` needs ${form}.`, line)
  const more = args[most]
  if (more === undefined) return
  throw usageError(
    `\`teasel ${name}\` takes ${most === 0 ? 'no argument' : `${form} only`}; "${more}" is too much.`,
    line,
  )
}
