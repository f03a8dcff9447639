import { spawn, spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { programsOf } from './snippets.js'
import { ROOT } from './vitest-report.js'

// The first minutes of a newcomer, from the packed tarball in a fresh folder: install, the program of the README, a
// picture, a run, the page. Prints the time of each step. After the install nothing may reach the network.
// `--tarball FILE` takes one that is packed already.
const [option, file] = process.argv.slice(2)
const packed = option === '--tarball' && file !== undefined ? resolve(file) : undefined
const folder = mkdtempSync(join(tmpdir(), 'teasel-newcomer-'))
const at = (...names: readonly string[]): string => join(folder, ...names)

/** Refuses every connection that leaves this machine. */
const GUARD = `
import net from 'node:net'
const { connect } = net.Socket.prototype
net.Socket.prototype.connect = function (...args) {
  const given = Array.isArray(args[0]) ? args[0][0] : args[0]
  const host = typeof given === 'object' ? (given.host ?? (given.path ? '' : 'localhost')) : (args[1] ?? 'localhost')
  if (host !== '' && !/^(localhost|127\\.|::1)/.test(String(host))) throw new TypeError('It asks the network: ' + host)
  return connect.apply(this, args)
}
`

/**
 * The suite for executors of one's own: what makes the package small may change what its cases do. Threads have the cases
 * that this process cannot have.
 */
const CONTRACTS = `
import { inProcess } from 'teasel/executor'
import { executorContract } from 'teasel/testing'
import { threads } from 'teasel/executor/threads'
const here = executorContract({ open: () => inProcess() })
const inThreads = executorContract({ preempts: true, open: (concurrency) => threads({ workers: 2, concurrency }) })
const cases = [...here, ...inThreads.filter(({ name }) => here.every((one) => one.name !== name))]
if (cases.length === here.length) throw new TypeError('No case needs threads.')
for (const { name, run } of cases) await run().catch((cause) => { throw new TypeError(name, { cause }) })
console.log(cases.length + ' cases')
`

const env = (): NodeJS.ProcessEnv => ({
  ...process.env,
  NO_COLOR: '1',
  NODE_OPTIONS: `--import=${pathToFileURL(at('guard.mjs')).href}`,
})

/** Runs a command. @throws {TypeError} with its output, if it fails */
function run(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): string {
  const { stdout, stderr, status } = spawnSync(program, args, { cwd: folder, encoding: 'utf8', ...options })
  if (status !== 0) throw new TypeError(`${program} ${args.join(' ')}\n${stdout}${stderr}`)
  return stdout
}

const teasel = (...args: readonly string[]): string => run('npx', ['--no-install', 'teasel', ...args], { env: env() })

function expect(is: boolean, text: string): void {
  if (!is) throw new TypeError(text)
}

async function step(name: string, act: () => unknown): Promise<void> {
  const start = performance.now()
  const told = await act()
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  console.log(`${seconds.padStart(6)} s  ${name}${typeof told === 'string' ? ` (${told})` : ''}`)
}

/** Installs without the network, if the cache of npm has the packages. */
function install(): string {
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? ''
  const args = ['install', '--no-audit', '--no-fund', `./${tarball}`, 'xstate', 'tsx']
  const { status } = spawnSync('npm', [...args, '--offline'], { cwd: folder })
  if (status === 0) return 'from the cache'
  run('npm', [...args, '--prefer-offline'])
  return 'from the registry'
}

/** The first program of a page, and what it prints. */
function firstProgram(path: string): { readonly code: string; readonly prints: string | undefined } {
  const [program] = programsOf(path, readFileSync(join(ROOT, path), 'utf8'))
  if (program === undefined) throw new TypeError(`${path} has no program.`)
  return { code: program.code, prints: program.prints }
}

/** Opens a page, asks it, and ends it as a person does. */
async function page(argv: readonly string[], paths: readonly string[]): Promise<void> {
  const args = [at('node_modules/teasel/dist/cli/main.js'), ...argv, '--json', '--no-open', '--port', '0']
  const child = spawn(process.execPath, args, { cwd: folder, env: env(), stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  const line = await new Promise<string>((resolve, reject) => {
    let text = ''
    child.stdout.on('data', (data: Buffer) => {
      text += data.toString()
      if (text.includes('\n')) resolve(text)
    })
    void ended.then((code) => reject(new TypeError(`teasel ${argv.join(' ')} ended with ${code}.`)))
  })
  const { url } = JSON.parse(line) as { readonly url: string }
  try {
    for (const path of paths) {
      const response = await fetch(url + path)
      const text = await response.text()
      expect(
        response.status === 200 && text.length > 0,
        `${path} answers with ${response.status}: ${text.slice(0, 200)}`,
      )
    }
  } finally {
    child.kill('SIGINT')
  }
  expect((await ended) === 0, `teasel ${argv.join(' ')} did not end well.`)
}

try {
  if (packed === undefined)
    await step('npm pack, with the build', () => void run('npm', ['pack', '--pack-destination', folder], { cwd: ROOT }))
  else copyFileSync(packed, at('teasel.tgz'))
  run('npm', ['init', '-y'])
  await step('npm install teasel xstate tsx', install)
  writeFileSync(at('guard.mjs'), GUARD)
  const first = firstProgram('README.md')
  writeFileSync(at('first.ts'), first.code)
  // Its top-level `await` needs a module, whatever the package of the newcomer is.
  run('npm', ['pkg', 'set', 'type=module'])
  await step('the first program of the README', () => {
    const printed = run('npx', ['--no-install', 'tsx', 'first.ts'], { env: env() }).trim()
    expect(printed === first.prints, `It prints:\n${printed}`)
  })
  writeFileSync(at('app.ts'), firstProgram('examples/guide/command-line.md').code)
  for (const type of ['module', 'commonjs']) {
    run('npm', ['pkg', 'set', `type=${type}`])
    await step(`teasel graph, in a package of type ${type}`, () => {
      expect(teasel('graph', 'app.ts').startsWith('stateDiagram-v2'), 'It draws nothing.')
    })
  }
  await step('teasel run', () => {
    const state = JSON.parse(teasel('run', 'app.ts', '--set', 'cities=["Rome","Paris"]', '--id', 'first')) as object
    expect('weather' in state, `It gives ${JSON.stringify(state)}.`)
  })
  await step('teasel runs show', () =>
    expect(teasel('runs', 'show', 'first').includes('✓ finished first'), 'It shows nothing.'),
  )
  await step('teasel ui', () => page(['ui'], ['/', '/api/v1/projects', '/api/v1/runs/first', '/p/default/r/first']))
  writeFileSync(at('contracts.mjs'), CONTRACTS)
  await step('the contract of executors, as it is packed', () =>
    run(process.execPath, ['contracts.mjs'], { env: env() }).trim(),
  )
  await step('teasel demo', () => page(['demo'], ['/', '/api/v1/runs']))
  console.log('Nothing after the install asks the network.')
} catch (error) {
  console.log(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
