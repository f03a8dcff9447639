import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliCompressSync } from 'node:zlib'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { publicEntries } from '../tools/entries.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'teasel-commonjs-'))
const SHELL = brotliCompressSync('<base href="/">').toString('base64')
const run = promisify(execFile)

const PROGRAM = `
import { createApplication, defineState } from 'teasel'
import { defineRegistry } from 'teasel/executor'
import { processes } from 'teasel/executor/processes'
import { threads } from 'teasel/executor/threads'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { createUiHandler } from 'teasel/ui'
async function main() {
  const persister = sqlitePersister({ file: ':memory:' })
  console.log(JSON.stringify(await persister.count()))
  const ui = createUiHandler({ projects: { all: { persister } } })
  console.log((await ui(new Request('http://localhost/'))).status)
  const kit = defineState()
  const add = kit.action({ reads: [], writes: ['n'], run: () => ({ n: 1 }) })
  defineRegistry({ name: 'adds', module: 'file:///adds.mjs', graphs: { add } })
  for (const executor of [threads({ workers: 1 }), processes({ workers: 1 })]) {
    const map = kit.mapActions({ reads: [], writes: ['n'], actions: { add }, reduce: () => ({ n: 1 }) })
    const app = createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: {}, executor })
    await app.run().catch((error) => console.log(error.message))
    await executor.close()
  }
}
void main()
`

beforeAll(async () => {
  await build({
    stdin: { contents: PROGRAM, resolveDir: root },
    outfile: join(folder, 'main.cjs'),
    bundle: true,
    format: 'cjs', // where `import.meta.url` is undefined
    platform: 'node',
    target: 'node20',
    external: ['libsql'],
    alias: Object.fromEntries(publicEntries(root).map(({ name, source }) => [name, join(root, source)])),
    logLevel: 'silent',
    plugins: [
      {
        name: 'page',
        setup({ onResolve, onLoad }) {
          onResolve({ filter: /^#page$/ }, ({ path }) => ({ path, namespace: 'page' }))
          onLoad({ filter: /./, namespace: 'page' }, () => ({
            contents: `export const assets = { 'index.html': { type: 'text/html', etag: '', brotli: '${SHELL}' } }`,
          }))
        },
      },
    ],
  })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it('A bundle in CommonJS has stores, the page, and workers whose program it names', async () => {
  const { stdout } = await run(process.execPath, [join(folder, 'main.cjs')], { cwd: root })
  const refusal: unknown = expect.stringContaining(
    'Build `teasel/executor/worker` as an entry point of its own, an ES module, and give its URL as worker.',
  )
  expect(stdout.trim().split('\n')).toEqual(['{}', '200', refusal, refusal])
})
