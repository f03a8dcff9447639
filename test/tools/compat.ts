import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { ROOT } from './vitest-report.js'

// Tests the packed tarball: a few programs on each Node, Bun and Deno and each XState, and the declarations under each
// TypeScript. All of them come from the registry. Prints a table; `--json` prints one document.

const NODES = ['20.19.0', '22', '24', '26']
const TYPESCRIPTS = ['5.9', '6', '7']
/** The other runtimes, and how each runs a program with every permission. */
const RUNTIMES = { bun: ['run'], deno: ['run', '-A'] }
/** XState 5 as a user installs it, and the newest 6, which may be a pre-release. */
const XSTATES = ['5', '6']
const PROGRAMS = join(ROOT, 'test/tools/compat')
const json = process.argv.includes('--json')

interface Cell {
  readonly xstate: string
  readonly on: string
  /** The installed version. */
  readonly version: string
  readonly passed: number
  readonly of: number
  /** The name of each failed program, and the first line of its error. */
  readonly failed: readonly string[]
}

interface Ran {
  readonly ok: boolean
  readonly output: string
}

function run(program: string, args: readonly string[], cwd: string): Ran {
  const { stdout, stderr, status } = spawnSync(program, args, { cwd, encoding: 'utf8', timeout: 300_000 })
  return { ok: status === 0, output: `${stdout}${stderr}` }
}

function must(program: string, args: readonly string[], cwd: string): string {
  const { ok, output } = run(program, args, cwd)
  if (!ok) throw new TypeError(`${program} ${args.join(' ')}\n${output}`)
  return output.trim()
}

/** The newest published version of a major, pre-releases included. */
function newest(name: string, major: string): string {
  const found = JSON.parse(must('npm', ['view', name, 'versions', '--json'], ROOT)) as readonly string[]
  const all = found.filter((version) => version.startsWith(`${major}.`))
  const stable = all.filter((version) => !version.includes('-'))
  return (stable.length > 0 ? stable : all).at(-1) ?? major
}

/** A folder with the tarball installed beside one XState. */
function install(tarball: string, xstate: string, home: string): string {
  const folder = join(home, `xstate-${xstate}`)
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  must('npm', ['install', '--force', '--no-audit', '--no-fund', tarball, `xstate@${xstate}`], folder)
  symlinkSync(join(ROOT, 'node_modules/libsql'), join(folder, 'node_modules/libsql'))
  cpSync(PROGRAMS, folder, { recursive: true })
  return folder
}

const firstError = (output: string): string =>
  output
    .split('\n')
    .find((line) => /error|Error/.test(line))
    ?.trim()
    .slice(0, 160) ?? output.trim().slice(0, 160)

/** Runs every program by `program ...args FILE`. */
function programsBy(
  program: string,
  args: readonly string[],
  { folder, ...cell }: Pick<Cell, 'xstate' | 'on' | 'version'> & { readonly folder: string },
): Cell {
  const programs = readdirSync(PROGRAMS).filter((name) => name.endsWith('.mjs'))
  const failed = programs.flatMap((name) => {
    const { ok, output } = run(program, [...args, join(folder, name)], folder)
    return ok ? [] : [`${basename(name, '.mjs')}: ${firstError(output)}`]
  })
  return { ...cell, passed: programs.length - failed.length, of: programs.length, failed }
}

function onNode(folder: string, xstate: string, node: string): Cell {
  const npx = ['-y', `node@${node}`]
  const version = must('npx', [...npx, '--version'], folder).slice(1)
  return programsBy('npx', npx, { folder, xstate, on: `Node ${node}`, version })
}

/** The folder with the binaries of the other runtimes, which their install scripts put in place. */
function installRuntimes(home: string): string {
  const folder = join(home, 'runtimes')
  const names = Object.keys(RUNTIMES)
  mkdirSync(folder)
  const allowScripts = Object.fromEntries(names.map((name) => [name, true]))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, allowScripts }))
  must('npm', ['install', '--no-audit', '--no-fund', ...names], folder)
  return join(folder, 'node_modules/.bin')
}

function onRuntime(bin: string, folder: string, xstate: string, name: keyof typeof RUNTIMES): Cell {
  const version = /\d+(\.\d+)+/.exec(must(join(bin, name), ['--version'], folder))?.[0] ?? ''
  const on = `${name === 'bun' ? 'Bun' : 'Deno'} ${version.split('.')[0]}`
  return programsBy(join(bin, name), RUNTIMES[name], { folder, xstate, on, version })
}

function onTypeScript(folder: string, xstate: string, typescript: string): Cell {
  const tsc = ['-y', '-p', `typescript@${typescript}`, 'tsc']
  const version = must('npx', [...tsc, '--version'], folder).replace('Version ', '')
  const compilerOptions = { target: 'es2022', lib: ['es2022', 'dom'], module: 'nodenext', strict: true, types: [] }
  // Declarations of other packages are not checked: an error in one of Teasel's shows in a program that uses it.
  const config = {
    compilerOptions: { ...compilerOptions, skipLibCheck: true, noEmit: true },
    files: ['declarations.ts'],
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  const { ok, output } = run('npx', [...tsc, '-p', folder], folder)
  const failed = ok ? [] : [`declarations: ${firstError(output)}`]
  return { xstate, on: `TypeScript ${typescript}`, version, passed: ok ? 1 : 0, of: 1, failed }
}

const text = ({ passed, of }: Cell): string => (passed === of ? 'yes' : passed === 0 ? 'no' : `${passed} of ${of}`)

function table(cells: readonly Cell[]): string {
  const on = [...new Set(cells.map((cell) => cell.on))]
  const rows = [...new Set(cells.map(({ xstate }) => xstate))].map((xstate) => {
    const own = on.map((name) => cells.find((cell) => cell.xstate === xstate && cell.on === name))
    return `| XState ${xstate} | ${own.map((cell) => (cell === undefined ? '' : text(cell))).join(' | ')} |`
  })
  const head = `| | ${on.join(' | ')} |`
  return [head, head.replace(/[^|]+/g, '---'), ...rows].join('\n')
}

mkdirSync(join(ROOT, '.cache'), { recursive: true })
const home = mkdtempSync(join(ROOT, '.cache/compat-'))
try {
  must('npm', ['pack', '--pack-destination', home], ROOT)
  const tarball = join(home, readdirSync(home).find((name) => name.endsWith('.tgz')) ?? '')
  const bin = installRuntimes(home)
  const cells: Cell[] = []
  for (const major of XSTATES) {
    const xstate = newest('xstate', major)
    const folder = install(tarball, xstate, home)
    for (const node of NODES) cells.push(onNode(folder, xstate, node))
    for (const name of ['bun', 'deno'] as const) cells.push(onRuntime(bin, folder, xstate, name))
    for (const typescript of TYPESCRIPTS) cells.push(onTypeScript(folder, xstate, typescript))
  }
  if (json) console.log(JSON.stringify(cells))
  else {
    console.log(table(cells))
    for (const { xstate, on, failed } of cells)
      for (const fault of failed) console.log(`XState ${xstate}, ${on}: ${fault}`)
  }
} finally {
  rmSync(home, { recursive: true, force: true })
}
