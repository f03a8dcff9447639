import { spawn } from 'node:child_process'
import { copyFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { FIXTURES, temporaryFolder } from './call.js'

// The program itself, in a process of its own.

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PROGRAM = [
  '--import',
  new URL('../../node_modules/tsx/dist/loader.mjs', import.meta.url).href,
  join(ROOT, 'src/cli/main.ts'),
]
const folder = temporaryFolder()
afterAll(() => folder[Symbol.dispose]())
for (const file of ['weather.ts', 'several.ts']) copyFileSync(join(FIXTURES, file), join(folder.path, file))
writeFileSync(join(folder.path, 'all.ts'), "export { graph } from './weather'\n")
writeFileSync(join(folder.path, 'package.json'), '{}')
symlinkSync(join(ROOT, 'node_modules'), join(folder.path, 'node_modules'))

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs the program. @param seen is called with its output until now, each time that there is more */
function run(argv: readonly string[], seen: (text: string, child: ReturnType<typeof spawn>) => void = () => {}) {
  const env = { ...process.env, TSX_TSCONFIG_PATH: join(ROOT, 'tsconfig.json'), NO_COLOR: '1' }
  const child = spawn(process.execPath, [...PROGRAM, ...argv], { cwd: folder.path, env })
  const texts = { out: '', err: '' }
  child.stdout.on('data', (data: Buffer) => {
    texts.out += data.toString()
    seen(texts.out, child)
  })
  child.stderr.on('data', (data: Buffer) => {
    texts.err += data.toString()
    seen(texts.err, child)
  })
  return new Promise<Ended>((resolve) => child.on('close', (code) => resolve({ code, ...texts })))
}

describe('the program', () => {
  it('loads TypeScript in a package that is not of modules', async () => {
    const { code, out, err } = await run(['graph', 'all.ts', '-f', 'outline', '--depth', '0'])

    expect([err, code]).toEqual(['', 0])
    expect(out).toMatch(/^plan \(entry\): tries → tries\n/)
  })

  it('keeps what a module prints out of its output', async () => {
    writeFileSync(join(folder.path, 'prints.ts'), "console.log('hello')\nexport { graph } from './weather.js'\n")
    const { out, err } = await run(['graph', 'prints.ts', '--json'])

    expect([JSON.parse(out), err]).toEqual([{ format: 'mermaid', picture: expect.any(String) }, 'hello\n'])
  })

  it('exits with the code of its command, and prints the error', async () => {
    const { code, out, err } = await run(['graph', 'several.ts#non', '--json'])

    expect([code, out, JSON.parse(err)]).toMatchObject([1, '', { error: { code: 'no-export' } }])
  })

  it('cancels a run at SIGINT, and ends', async () => {
    let isSent = false
    const { code, err } = await run(['run', 'several.ts#asking', '--no-track'], (text, child) => {
      if (isSent || !text.includes('waits for')) return
      isSent = true
      child.kill('SIGINT')
    })

    expect(code).toBe(130)
    expect(err).toContain('Cancelling.')
  })

  it('ends quietly when the reader of its output has left', async () => {
    await run(['run', 'weather.ts', '--id', 'w', '--set', 'cities=["Rom"]', '--set', 'tries=0'])
    let times = 0
    const { code, err } = await run(['runs', 'tail', 'w', '--json'], (_, child) => {
      times += 1
      if (times === 1) child.stdout?.destroy()
    })

    expect([code, err]).toEqual([0, ''])
  })
})
