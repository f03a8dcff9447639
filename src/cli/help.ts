import type { Command, Option } from './command.js'
import { optionsOf } from './parse.js'

// Owns: the texts of help.

/** So that a line has 79 characters at most. */
const WIDTH = 75

/** The help of the whole: the commands in groups. */
export function helpOf(commands: readonly Command[]): string {
  const rows = commands.map((one) => [usageOf(one), one.summary] as const)
  return [
    'Usage: teasel COMMAND [ARGUMENTS] [OPTIONS]',
    '',
    'Commands:',
    ...columns(rows.map(([usage, summary]) => [usage, summary])),
    '',
    'A RUN is the id of a run: `order-7`. `order-7@3` is its step 3, and',
    '`order-7/fan/berlin` a branch of it. Runs are read from --dir (default .teasel),',
    '--store, --url or --burr; or TEASEL_DIR, TEASEL_STORE, TEASEL_URL.',
    'Exit codes: 0 done, 1 failed, 2 wrong command line, 130 cancelled.',
    '`teasel COMMAND --help` has the options of a command, and an example.',
    '',
  ].join('\n')
}

/** The help of the commands that begin with one word. */
export function helpOfGroup(group: readonly Command[]): string {
  const rows = group.map((one) => [usageOf(one), one.summary] as const)
  return ['Commands:', ...columns(rows), '', ''].slice(0, -1).join('\n')
}

/** The help of one command. */
export function helpOfCommand(command: Command): string {
  const { name, args, summary, text, examples } = command
  const options = Object.entries(optionsOf(command)).map(([key, one]) => [flagOf(key, one), helpText(one)] as const)
  return [
    `Usage: teasel ${name}${args === '' ? '' : ` ${args}`} [OPTIONS]`,
    '',
    `${summary}.`,
    ...(text === undefined ? [] : ['', ...wrap(text, WIDTH)]),
    '',
    'Options:',
    ...columns(options),
    '',
    'Examples:',
    ...examples.map((line) => `  teasel ${line}`),
    '',
  ].join('\n')
}

const usageOf = ({ name, args }: Command): string => (args === '' ? name : `${name} ${args}`)

function flagOf(name: string, { value, short }: Option): string {
  const letter = short === undefined ? '    ' : `-${short}, `
  return `${letter}--${name}${value === undefined ? '' : ` ${value}`}`
}

const helpText = ({ help, values, many }: Option): string =>
  `${help}${values === undefined ? '' : ` (${values.join(', ')})`}${many === true ? '; can be repeated' : ''}.`

const LEFT = 26

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const wide = Math.min(
    LEFT,
    rows.reduce((most, [left]) => Math.max(most, left.length), 0),
  )
  return rows.flatMap(([left, right]) => {
    const lines = wrap(right, WIDTH - wide)
    const indent = ' '.repeat(wide + 4)
    if (left.length > wide) return [`  ${left}`, ...lines.map((line) => indent + line)]
    return lines.map((line, i) => (i === 0 ? `  ${left.padEnd(wide)}  ${line}` : indent + line))
  })
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + word.length + 1 > width) {
      lines.push(line)
      line = ''
    }
    line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}
