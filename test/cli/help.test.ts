import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { COMMANDS } from '../../src/cli/commands.js'
import { completionOf, SHELLS } from '../../src/cli/completion.js'
import { optionsOf } from '../../src/cli/parse.js'
import { call, callJson } from './call.js'

describe('the help', () => {
  it('has every command', async () => {
    const { code, out } = await call(['--help'])

    expect(code).toBe(0)
    expect(out).toMatchSnapshot()
    expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThan(81)
  })

  it.each(COMMANDS.map(({ name }) => [name]))('of `teasel %s` has its options and an example', async (name) => {
    const { code, out } = await call([...name.split(' '), '--help'])

    expect(code).toBe(0)
    expect(out).toMatchSnapshot()
    expect(out).toMatch(/Examples:\n {2}teasel /)
    expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThan(80)
  })

  it('is the same by `help`', async () => {
    expect(await call(['help', 'runs', 'ls'])).toEqual(await call(['runs', 'ls', '--help']))
    expect((await call(['runs', '--help'])).out).toContain('runs tail RUN')
  })

  it('is printed without a command, with the exit code of a wrong call', async () => {
    expect([(await call([])).code, (await call(['--version'])).out]).toEqual([
      2,
      expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    ])
  })

  it('refuses an unknown command, with the nearest name', async () => {
    const { code, err } = await call(['grahp', 'app.ts'])

    expect([code, err]).toEqual([2, '✕ There is no command "grahp". Did you mean "graph"?\n  teasel --help\n'])
  })
})

describe('the completion', () => {
  it.each(SHELLS)('of %s has every command and every option', (shell) => {
    const script = completionOf(shell, COMMANDS)
    const names = COMMANDS.flatMap((one) => [...one.name.split(' '), ...Object.keys(optionsOf(one))])

    expect(names.filter((name) => !script.includes(name))).toEqual([])
  })

  it.each([
    [['teasel', 'gr'], 1, ['graph']],
    [['teasel', 'runs', ''], 2, COMMANDS.flatMap(({ name }) => (name.startsWith('runs ') ? [name.slice(5)] : []))],
    [['teasel', 'graph', '--format', 'm'], 3, ['mermaid', 'machine']],
    [['teasel', 'runs', 'tail', '--no'], 3, ['--no-follow']],
  ])('of bash completes %j', (words, at, completed) => {
    const script = `${completionOf('bash', COMMANDS)}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${at}; _teasel; echo "\${COMPREPLY[@]}"`

    expect(spawnSync('bash', ['-c', script], { encoding: 'utf8' }).stdout.trim().split(' ')).toEqual(completed)
  })

  it('refuses another shell', async () => {
    expect(await call(['completion', 'csh'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('bash, zsh, fish'),
    })
    expect((await call(['completion', 'bash'])).out).toBe(completionOf('bash', COMMANDS))
    expect(await callJson(['completion', 'fish'])).toEqual([{ shell: 'fish', script: completionOf('fish', COMMANDS) }])
  })
})
