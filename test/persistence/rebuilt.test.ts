import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type BuildOptions, build } from 'esbuild'
import { afterAll, describe, expect, it } from 'vitest'
import { SOURCE_ARGUMENTS } from '../support/built/arguments.js'
import { publicEntries } from '../tools/entries.js'
import { ROOT } from '../tools/vitest-report.js'

mkdirSync(join(ROOT, '.cache'), { recursive: true })
const folder = mkdtempSync(join(ROOT, '.cache/rebuilt-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const source = join(ROOT, 'test/persistence/rebuilt-program.ts')
async function builtAs(name: string, options: BuildOptions): Promise<string> {
  const outfile = join(folder, `${name}.mjs`)
  await build({
    entryPoints: [source],
    bundle: true,
    format: 'esm',
    target: 'node20',
    platform: 'node',
    external: ['xstate', 'nanoid', 'libsql'],
    alias: Object.fromEntries(publicEntries(ROOT).map((entry) => [entry.name, join(ROOT, entry.source)])),
    outfile,
    ...options,
  })
  return outfile
}

function runs(program: string, ...args: readonly string[]): unknown {
  const loader = program.endsWith('.ts') ? SOURCE_ARGUMENTS : []
  const { stdout, stderr } = spawnSync(process.execPath, [...loader, program, join(folder, 'jobs.db'), ...args], {
    encoding: 'utf8',
  })
  return stdout === '' ? stderr : JSON.parse(stdout)
}

describe('a job that waits in a nested map', () => {
  it('is resumed by every way to build its program', async () => {
    const bundled = await builtAs('bundled', {})
    const minified = await builtAs('minified', { minify: true })
    const renamed = await builtAs('renamed', { minifyIdentifiers: true, charset: 'utf8', target: 'esnext' })

    const told = [runs(source), runs(bundled), runs(minified), runs(renamed), runs(minified, 'yes')]

    expect(told).toEqual([
      { status: 'waiting', counted: 3 },
      { status: 'waiting', counted: 0 },
      { status: 'waiting', counted: 0 },
      { status: 'waiting', counted: 0 },
      { status: 'finished', text: 'yes after 2, yes after 2', counted: 0 },
    ])
  })
})
