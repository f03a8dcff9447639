import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { publicEntries } from '../tools/entries.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'teasel-bundle-'))
const run = promisify(execFile)

beforeAll(async () => {
  await build({
    entryPoints: {
      main: join(root, 'test/executor/fixtures/bundled.ts'),
      branches: join(root, 'test/executor/fixtures/branches.ts'),
      worker: join(root, 'src/adapters/worker/index.ts'),
    },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: true,
    alias: Object.fromEntries(publicEntries(root).map(({ name, source }) => [name, join(root, source)])),
    logLevel: 'silent',
  })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it('A bundle runs its branches in threads and processes, where the worker is an entry point of its own', async () => {
  const { stdout } = await run(process.execPath, ['--enable-source-maps', join(folder, 'main.mjs')])
  const places = (place: string): string =>
    `[ 'double0: 4', 'places1: ${place}', 'fails2: failed, Action "all" failed (step 0, branch all/fails2): 3 is too much.' ]`
  expect(stdout.replaceAll(/\s+/g, ' ').trim()).toBe(`${places('thread')} ${places('process')}`)
})

it('A bundle without that entry point fails with what to do', async () => {
  rmSync(join(folder, 'worker.mjs'))
  const { stdout } = await run(process.execPath, [join(folder, 'main.mjs')])
  expect(stdout).toContain('build `teasel/executor/worker` as an entry point of its own')
})
