import type { Command } from './command.js'
import { optionsOf } from './parse.js'

// Owns: completion for shells, made from the table of commands.
// Z1  The script of zsh works where it is sourced, and as a file `_teasel` of `fpath`: there its first call loads it.

export const SHELLS = ['bash', 'zsh', 'fish'] as const

type Shell = (typeof SHELLS)[number]

/** The script that a shell reads. */
export function completionOf(shell: Shell, commands: readonly Command[]): string {
  if (shell === 'fish') return fish(commands)
  const bash = bashScript(commands)
  if (shell === 'bash') return bash
  const loaded = '[ "$funcstack[1]" = _teasel ] && _bash_complete -o filenames -F _teasel || true' // Z1
  return `#compdef teasel\nautoload -U +X bashcompinit && bashcompinit\n${bash}${loaded}\n`
}

const firstWords = (commands: readonly Command[]): readonly string[] => [
  ...new Set(commands.map(({ name }) => name.split(' ')[0] ?? '')),
]

const secondWords = (commands: readonly Command[], first: string): readonly string[] =>
  commands.filter(({ name }) => name.startsWith(`${first} `)).map(({ name }) => name.split(' ')[1] ?? '')

const flagsOf = (command: Command): readonly string[] =>
  Object.entries(optionsOf(command)).flatMap(([name, { short }]) =>
    short === undefined ? [`--${name}`] : [`--${name}`, `-${short}`],
  )

/** The words that a command takes, where its help names them all: `bash|zsh|fish`. */
const choicesOf = ({ args }: Command): readonly string[] => (/^[a-z]+(\|[a-z]+)+$/.test(args) ? args.split('|') : [])

/** Whether a command takes files or folders. */
const takesFiles = ({ args }: Command): boolean => /MODULE|FILE|DIR/.test(args)

function bashScript(commands: readonly Command[]): string {
  const firsts = firstWords(commands)
  const groups = firsts.flatMap((first) => {
    const words = secondWords(commands, first)
    return words.length === 0 ? [] : [`      ${first}) words="${words.join(' ')}" ;;`]
  })
  const options = commands.map((one) => `    "${one.name}") flags="${flagsOf(one).join(' ')}" ;;`)
  const values = commands.flatMap((one) =>
    Object.entries(optionsOf(one)).flatMap(([name, { value, values: some, short }]) => {
      const keys = [`--${name}`, ...(short === undefined ? [] : [`-${short}`])]
      const names = keys.map((key) => `"${one.name} ${key}"`).join('|')
      if (value === undefined) return []
      return some === undefined ? [`    ${names}) files=1 ;;`] : [`    ${names}) words="${some.join(' ')}" ;;`]
    }),
  )
  const operands = commands.flatMap((one) => {
    const choices = choicesOf(one)
    if (choices.length > 0) return [`      "${one.name}") words="${choices.join(' ')}" ;;`]
    return takesFiles(one) ? [`      "${one.name}") files=1 ;;`] : []
  })
  return `_teasel() {
  local cur prev words="" flags="" files="" name
  cur="\${COMP_WORDS[COMP_CWORD]}"
  prev="\${COMP_WORDS[COMP_CWORD-1]}"
  name="\${COMP_WORDS[1]}"
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${[...firsts, '--help', '--version'].join(' ')}" -- "$cur"))
    return
  fi
  if [ "$COMP_CWORD" -eq 2 ]; then
    case "$name" in
${groups.join('\n')}
    esac
    if [ -n "$words" ]; then COMPREPLY=($(compgen -W "$words" -- "$cur")); return; fi
  fi
  case "$name" in
    ${firsts.filter((first) => secondWords(commands, first).length > 0).join('|')}) name="$name \${COMP_WORDS[2]}" ;;
  esac
  case "$name $prev" in
${values.join('\n')}
  esac
  if [ -z "$words$files" ]; then
    case "$cur" in
      -*)
        case "$name" in
${options.map((line) => `    ${line}`).join('\n')}
        esac
        words="$flags" ;;
      *)
        case "$name" in
${operands.map((line) => `    ${line}`).join('\n')}
        esac ;;
    esac
  fi
  if [ -n "$files" ]; then COMPREPLY=($(compgen -f -- "$cur"))
  else COMPREPLY=($(compgen -W "$words" -- "$cur")); fi
}
complete -o filenames -F _teasel teasel
`
}

function fish(commands: readonly Command[]): string {
  const firsts = firstWords(commands)
  const summaryOf = (first: string): string =>
    commands.find(({ name }) => name === first)?.summary ?? `Commands of ${first}`
  const lines = firsts.map(
    (first) => `complete -c teasel -n __fish_use_subcommand -f -a ${first} -d ${quoted(summaryOf(first))}`,
  )
  for (const one of commands) {
    const [first = '', second] = one.name.split(' ')
    const seen = `__fish_seen_subcommand_from ${first}`
    const here = second === undefined ? seen : `${seen}; and __fish_seen_subcommand_from ${second}`
    if (second !== undefined)
      lines.push(
        `complete -c teasel -n ${quoted(`${seen}; and not __fish_seen_subcommand_from ${secondWords(commands, first).join(' ')}`)} -f -a ${second} -d ${quoted(one.summary)}`,
      )
    const choices = choicesOf(one)
    if (choices.length > 0) lines.push(`complete -c teasel -n ${quoted(here)} -f -a ${quoted(choices.join(' '))}`)
    else if (!takesFiles(one)) lines.push(`complete -c teasel -n ${quoted(here)} -f`)
    for (const [name, { help, short, value, values }] of Object.entries(optionsOf(one))) {
      const letter = short === undefined ? '' : ` -s ${short}`
      const takes = value === undefined ? '' : values === undefined ? ' -r -F' : ` -x -a ${quoted(values.join(' '))}`
      lines.push(`complete -c teasel -n ${quoted(here)} -l ${name}${letter}${takes} -d ${quoted(help)}`)
    }
  }
  return `${lines.join('\n')}\n`
}

const quoted = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`
