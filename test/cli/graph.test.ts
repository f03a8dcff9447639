import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { call, callJson, FIXTURES, temporaryFolder } from './call.js'

const MERMAID = `stateDiagram-v2
  direction TB
  state "plan" as n0
  state "fan" as n1 {
    state "each branch × N" as n3
  }
  state "tell" as n2
  [*] --> n0
  n0 --> n0 : tries = 1
  n0 --> n1 : otherwise
  n1 --> n2
  n2 --> [*]
`

describe('teasel graph', () => {
  it('draws the only graph of a module', async () => {
    expect(await call(['graph', 'weather.ts'])).toEqual({ code: 0, out: MERMAID, err: '' })
  })

  it.each([
    ['dot', 'digraph'],
    ['svg', '<svg'],
    ['machine', '{'],
    ['outline', 'plan (entry): tries → tries'],
  ])('draws it as %s', async (format, begin) => {
    const { out, code } = await call(['graph', 'weather.ts#graph', '-f', format])

    expect([code, out.slice(0, begin.length)]).toEqual([0, begin])
  })

  it('prints a document with --json', async () => {
    expect(await callJson(['graph', 'weather.ts'])).toEqual([{ format: 'mermaid', picture: MERMAID.trimEnd() }])
  })

  it('writes a file', async () => {
    using folder = temporaryFolder()
    const file = join(folder.path, 'graph.mmd')

    expect((await call(['graph', 'weather.ts', '-o', file])).code).toBe(0)
    expect(readFileSync(file, 'utf8')).toBe(MERMAID)
  })

  it('names the graphs of a module with several', async () => {
    expect(await call(['graph', 'several.ts'])).toEqual({
      code: 2,
      out: '',
      err: '✕ several.ts exports several graphs: "asking", "broken", "looping", "odd", "silent", "slow" and "sum".\n  several.ts#asking\n  several.ts#broken\n  several.ts#looping\n  several.ts#odd\n  several.ts#silent\n  several.ts#slow\n  several.ts#sum\n',
    })
  })

  it('takes a runnable, and a function that makes an application', async () => {
    const outline = async (name: string): Promise<string> =>
      (await call(['graph', `several.ts#${name}`, '-f', 'outline'])).out

    expect(await outline('broken')).toBe('fail (entry)\n  → (end)\n')
    expect(await outline('makeApp')).toBe('add (entry): n → n\n  → (end)\n')
  })

  it.each([
    [['graph'], 2, 'needs MODULE'],
    [['graph', 'missing.ts'], 1, 'There is no file'],
    [['graph', 'weather.ts#grpah'], 1, 'Did you mean "graph"?'],
    [['graph', 'weather.ts', '-f', 'mermade'], 2, 'Did you mean "mermaid"?'],
    [['graph', 'weather.ts', '--entry', 'tel'], 2, 'Did you mean "tell"?'],
    [['graph', 'weather.ts', '--depth', '-1'], 2, '--depth'],
    [['graph', 'weather.ts', 'more.ts'], 2, '"more.ts" is too much'],
    [['graph', 'call.ts'], 1, 'There is no file'],
  ])('refuses %j', async (argv, code, text) => {
    const called = await call(argv)

    expect(called.code).toBe(code)
    expect(called.err).toContain(text)
  })

  it('tells an error as JSON', async () => {
    const { err, out, code } = await call(['graph', 'weather.ts#grpah', '--json'])

    expect([code, out]).toEqual([1, ''])
    expect(JSON.parse(err)).toEqual({
      error: {
        code: 'no-export',
        message: 'weather.ts has no export "grpah". Did you mean "graph"?',
        hint: 'It exports graph.',
      },
    })
  })
})

describe('teasel graph --check', () => {
  const page = (picture: string): string =>
    `# Weather\n\n<!-- teasel graph weather.ts -->\n\n\`\`\`mermaid\n${picture}\`\`\`\n\nThe end.\n`

  function folderWith(text: string): { readonly path: string; readonly file: string } & Disposable {
    const folder = temporaryFolder()
    symlinkSync(join(FIXTURES, 'weather.ts'), join(folder.path, 'weather.ts'))
    cpSync(join(FIXTURES, 'weather.ts'), join(folder.path, 'copy.ts'))
    const file = join(folder.path, 'README.md')
    writeFileSync(file, text)
    return { ...folder, file, [Symbol.dispose]: () => folder[Symbol.dispose]() }
  }

  it('passes where the picture is fresh', async () => {
    using folder = folderWith(page(MERMAID))

    const { code, out } = await call(['graph', '--check', 'README.md'], { cwd: folder.path })

    expect([code, out]).toEqual([0, '✓ README.md:3 weather.ts is fresh\n'])
  })

  it('fails with the difference where it is stale, and --write renews it', async () => {
    using folder = folderWith(page(MERMAID.replace('  n1 --> n2\n', '  n1 --> n0\n')))

    const stale = await call(['graph', '--check', 'README.md'], { cwd: folder.path })
    const renewed = await call(['graph', '--write', 'README.md'], { cwd: folder.path })

    expect(stale.code).toBe(1)
    expect(stale.out).toContain('  -   n1 --> n0\n  +   n1 --> n2\n')
    expect(stale.err).toBe('  teasel graph --write README.md\n')
    expect([renewed.code, readFileSync(folder.file, 'utf8')]).toEqual([0, page(MERMAID)])
  })

  it('renews several pictures of one file', async () => {
    const two = `${page('')}${page('stale\nlines\n').replace('weather.ts', 'weather.ts -f outline --depth 0')}`
    using folder = folderWith(two)

    await call(['graph', '--write', 'README.md'], { cwd: folder.path })

    expect((await callJson(['graph', '--check', 'README.md'], { cwd: folder.path }))[0]).toEqual({
      pictures: [
        { file: 'README.md', line: 3, target: 'weather.ts', fresh: true },
        { file: 'README.md', line: expect.any(Number), target: 'weather.ts', fresh: true },
      ],
    })
    expect(readFileSync(folder.file, 'utf8')).toContain('plan (entry): tries → tries')
  })

  it('passes over a marker in a fenced block', async () => {
    using folder = folderWith('```md\n<!-- teasel graph weather.ts -->\n```\n')

    expect((await call(['graph', '--check', 'README.md'], { cwd: folder.path })).err).toContain('marks no picture')
  })

  it.each([
    ['# Nothing\n', 'marks no picture'],
    ['<!-- teasel graph weather.ts -->\n\nText.\n', 'is followed by no fenced block'],
    ['<!-- teasel graph weather.ts --dept 2 -->\n```\n```\n', 'Did you mean "--depth"?'],
    ['<!-- teasel graph -->\n```\n```\n', 'names no module'],
  ])('refuses %j', async (text, message) => {
    using folder = folderWith(text)

    const { code, err } = await call(['graph', '--check', 'README.md'], { cwd: folder.path })

    expect(code).toBe(2)
    expect(err).toContain(message)
  })
})
