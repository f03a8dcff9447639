import { readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { COMMANDS } from '../../src/cli/commands.js'
import { call, temporaryFolder } from './call.js'

const guide = readFileSync(new URL('../../examples/guide/command-line.md', import.meta.url), 'utf8')
const blocks = (language: string): readonly string[] =>
  [...guide.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(([, code = '']) => code)

/** The words of a line, with the quotes of a shell. */
const wordsOf = (line: string): readonly string[] =>
  (line.match(/(?:[^\s'"]|'[^']*'|"[^"]*")+/g) ?? []).map((word) => word.replace(/'([^']*)'|"([^"]*)"/g, '$1$2'))

const folder = temporaryFolder()
afterAll(() => folder[Symbol.dispose]())
writeFileSync(join(folder.path, 'app.ts'), blocks('ts run')[0] ?? '')
symlinkSync(fileURLToPath(new URL('../../node_modules', import.meta.url)), join(folder.path, 'node_modules'))
/** Those that stay until Ctrl+C. */
const STAYING = /^npx teasel (demo|ui)\b/
const lines = blocks('sh').flatMap((code) => code.trimEnd().split('\n'))

describe('the guide to the command line', () => {
  it('has every command in its table', () => {
    const rows = COMMANDS.map(
      ({ name, args, summary }) => `| \`${`${name} ${args}`.trim().replaceAll('|', '\\|')}\` | ${summary} |`,
    )

    expect(guide.slice(guide.indexOf('| command |')).trimEnd().split('\n')).toEqual([
      '| command | |',
      '|---|---|',
      ...rows,
    ])
  })

  it.each(lines.filter((line) => !STAYING.test(line)))('has a line that works: %s', async (line) => {
    const [command = '', comment = ''] = line.split(' # ')
    const argv = wordsOf(command.replace(/ > .*/, '')).slice(2)
    const { code, err } = await call(argv, { cwd: folder.path })

    expect([err, code]).toEqual([expect.any(String), comment.startsWith('exits with 1') ? 1 : 0])
  })
})
