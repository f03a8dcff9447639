import { describe, expect, it } from 'vitest'
import { COMMANDS } from '../../src/cli/commands.js'
import { call } from './call.js'

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
