import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { isBuilt } from './built.js'
import { publicEntries } from './entries.js'
import { ROOT } from './vitest-report.js'

// The package of a user: it is built, unless `dist/` is of these sources already, and packed, checked by publint and attw, unpacked, and each of its
// entry points imported by plain Node. Its declarations are checked, too, with the library of ES2022 and nothing of Node.
mkdirSync(join(ROOT, '.cache'), { recursive: true })
const folder = mkdtempSync(join(ROOT, '.cache/package-'))

/** The maximum size of the tarball: a user installs it often. A fifth of it is the page and the guides. */
const MOST_BYTES = 658_000

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

/** A registry, and a program that runs its branches in threads and in processes. */
const WORK = `
import { defineState } from 'teasel'
import { defineRegistry } from 'teasel/executor'
export const kit = defineState()
export const twice = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n * 2 }) })
export const registry = defineRegistry({ name: 'work', module: import.meta.url, graphs: { twice } })
`
const PROGRAM = `
import { createApplication } from 'teasel'
import { processes } from 'teasel/executor/processes'
import { threads } from 'teasel/executor/threads'
import { kit, twice } from './work.mjs'
const all = kit.mapStates({
  reads: [],
  writes: ['sum'],
  action: twice,
  states: () => [1, 2, 3].map((n) => ({ n })),
  reduce: ({ results }) => ({ sum: results.reduce((sum, { state }) => sum + state.n, 0) }),
})
for (const [name, executor] of [['threads', threads({ workers: 1 })], ['processes', processes({ workers: 1 })]]) {
  const app = createApplication(kit.graph({ actions: { all } }), { entrypoint: 'all', state: { sum: 0 }, executor })
  console.log(name, (await app.run()).state.sum)
  await executor.close()
}
`

/** An action fails: prints the trace of its error. */
const TRACE = `
import { createApplication, defineState } from 'teasel'
const kit = defineState()
const fail = kit.action({ reads: [], writes: [], run() { throw new RangeError('It fails.') } })
const app = createApplication(kit.graph({ actions: { fail } }), { entrypoint: 'fail', state: {} })
await app.run().catch((error) => console.log(error.cause.stack))
`

/** Runs a command. Throws its output if it fails. */
function run(program: string, args: readonly string[], cwd = ROOT): string {
  const { stdout, stderr, status } = spawnSync(program, args, { cwd, encoding: 'utf8' })
  if (status !== 0) throw new TypeError(`${program} ${args.join(' ')}\n${stdout}${stderr}`)
  return stdout
}

/** The names that an entry point of the unpacked package exports. */
function valuesOf(name: string): string[] {
  const code = `console.log(Object.keys(await import('${name}')).join())`
  return run(process.execPath, ['--input-type=module', '--eval', code], folder).trim().split(',')
}

try {
  run('npm', ['pack', ...(isBuilt(ROOT) ? ['--ignore-scripts'] : []), '--pack-destination', folder])
  const tarball = join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '')
  copyFileSync(tarball, join(ROOT, '.cache/teasel.tgz'))
  const { size } = statSync(tarball)
  if (size > MOST_BYTES) throw new RangeError(`The tarball has ${size} bytes, more than ${MOST_BYTES}.`)
  run('npx', ['--no-install', 'attw', '--profile', 'esm-only', '--no-emoji', tarball])

  const home = join(folder, 'node_modules/teasel')
  mkdirSync(home, { recursive: true })
  run('tar', ['-xzf', tarball, '-C', home, '--strip-components=1'])
  const { messages } = await publint({ pkgDir: home, strict: true, pack: false })
  const manifest = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as Manifest
  if (messages.length > 0) throw new TypeError(messages.map((one) => formatMessage(one, manifest)).join('\n'))

  for (const name of Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })) {
    mkdirSync(dirname(join(folder, 'node_modules', name)), { recursive: true })
    symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name))
  }
  writeFileSync(
    join(folder, 'use.ts'),
    "export * from 'teasel'\nexport { memoryPersister } from 'teasel/persistence'\n",
  )
  const compilerOptions = { target: 'es2022', lib: ['es2022', 'dom'], module: 'nodenext', strict: true, types: [] }
  const config = { compilerOptions: { ...compilerOptions, skipLibCheck: false, noEmit: true }, files: ['use.ts'] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  run('npx', ['--no-install', 'tsc', '-p', folder])

  // Workers are found from where the build has put the code of their executors.
  writeFileSync(join(folder, 'work.mjs'), WORK)
  writeFileSync(join(folder, 'program.mjs'), PROGRAM)
  const ran = run(process.execPath, ['program.mjs'], folder).trim()
  if (ran !== 'threads 12\nprocesses 12') throw new TypeError(`Branches in workers of the package gave: ${ran}`)

  // Functions and classes of the library have their names in the report of a fault.
  writeFileSync(join(folder, 'trace.mjs'), TRACE)
  const trace = run(process.execPath, ['trace.mjs'], folder)
  for (const name of ['at execute (', 'at performStep (', 'at Attempt.perform ('])
    if (!trace.includes(name)) throw new TypeError(`A trace has no "${name}":\n${trace}`)

  const told = publicEntries(ROOT).map(({ name }) => `${name} exports ${valuesOf(name).length} values`)
  console.log(`${size} bytes, ${readdirSync(home, { recursive: true }).length} files; ${told.join(', ')}.`)
} catch (error) {
  console.log(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
