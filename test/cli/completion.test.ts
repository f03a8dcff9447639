import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { COMMANDS } from '../../src/cli/commands.js'
import { completionOf, SHELLS } from '../../src/cli/completion.js'
import { optionsOf } from '../../src/cli/parse.js'
import { RUN_STATUSES } from '../../src/read/status.js'
import { findShell } from '../support/shells.js'
import { call, callJson, FIXTURES, temporaryFolder } from './call.js'

const folder = temporaryFolder()
afterAll(() => folder[Symbol.dispose]())
const files = join(folder.path, 'files')
mkdirSync(files)
for (const name of ['state.json', 'sum.ts']) writeFileSync(join(files, name), '')

/** The script of a shell, in a file with the name that zsh looks for. */
function scriptOf(shell: (typeof SHELLS)[number]): string {
  const file = join(folder.path, shell, '_teasel')
  mkdirSync(join(folder.path, shell), { recursive: true })
  writeFileSync(file, completionOf(shell, COMMANDS))
  return file
}

function output(path: string, args: readonly string[]): string {
  const { stdout, stderr, status } = spawnSync(path, args, { encoding: 'utf8', cwd: files, timeout: 60_000 })
  if (status !== 0) throw new TypeError(`${path} exits with ${status}: ${stderr}`)
  return stdout
}

const lines = (text: string): readonly string[] => text.split('\n').filter((line) => line !== '')

/** What a real shell offers for a line. */
const WAYS: readonly (readonly [way: string, shell: (typeof SHELLS)[number], offers: Offers])[] = [
  [
    'bash',
    'bash',
    (path, line) => {
      const words = line.split(' ')
      const quoted = words.map((word) => `'${word}'`).join(' ')
      const script = `. ${scriptOf('bash')}; COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; _teasel; printf '%s\\n' "\${COMPREPLY[@]}"`
      return lines(output(path, ['--norc', '-c', script]))
    },
  ],
  ['zsh, sourced', 'zsh', (path, line) => inZsh(path, 'source', line)],
  ['zsh, from fpath', 'zsh', (path, line) => inZsh(path, 'fpath', line)],
  [
    'fish',
    'fish',
    (path, line) => {
      const found = lines(output(path, ['--no-config', '-c', `source ${scriptOf('fish')}; complete -C '${line}'`]))
      return found.map((one) => one.split('\t')[0] ?? '')
    },
  ],
]

type Offers = (path: string, line: string) => readonly string[]

function inZsh(path: string, way: 'source' | 'fpath', line: string): readonly string[] {
  const out = output(path, ['-f', join(FIXTURES, 'complete.zsh'), scriptOf('zsh'), way, files, line])
  return [...out.matchAll(/^<(.*)>\r?$/gm)].map(([, word = '']) => word)
}

/** Lines, and what is offered; null: no option of the command. */
const CASES: readonly (readonly [line: string, offered: readonly string[]])[] = [
  ['teasel ru', ['run', 'runs']],
  ['teasel runs t', ['tail']],
  ['teasel runs ', ['diff', 'export', 'ls', 'rm', 'show', 'tail']],
  ['teasel runs ls --st', ['--status', '--store']],
  ['teasel runs ls --status f', RUN_STATUSES.filter((one) => one.startsWith('f'))],
  ['teasel graph -f m', ['machine', 'mermaid']],
  ['teasel completion ', SHELLS],
  ['teasel run s', ['state.json', 'sum.ts']],
  ['teasel run sum.ts --state st', ['state.json']],
  ['teasel runs ls s', []],
  ['teasel import b', ['burr']],
]

describe.each(WAYS)('the completion of %s', (_, shell, offers) => {
  const path = findShell(shell)

  it.skipIf(path === undefined).each(CASES)('offers for `%s`: %j', (line, offered) => {
    expect([...new Set(offers(path ?? '', line))].sort()).toEqual([...offered].sort())
  })
})

describe('a script of completion', () => {
  it.each(SHELLS)('of %s has every command and every option', (shell) => {
    const script = completionOf(shell, COMMANDS)
    const names = COMMANDS.flatMap((one) => [...one.name.split(' '), ...Object.keys(optionsOf(one))])

    expect(names.filter((name) => !script.includes(name))).toEqual([])
  })

  it('is printed, and refused for another shell', async () => {
    expect(await call(['completion', 'csh'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('bash, zsh, fish'),
    })
    expect((await call(['completion', 'bash'])).out).toBe(completionOf('bash', COMMANDS))
    expect(await callJson(['completion', 'fish'])).toEqual([{ shell: 'fish', script: completionOf('fish', COMMANDS) }])
  })
})
