import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { stripVTControlCharacters } from 'node:util'
import { LAST_REPORT, ROOT, suiteCommand } from './vitest-report.js'

/** One condition of a good change. */
interface Gate {
  readonly name: string
  readonly command: readonly string[]
  /** Prints the last line of its output, a figure, also when it passes. */
  readonly tells?: true
}

const tool = (name: string): string[] => [process.execPath, '--import', 'tsx', `test/tools/${name}.ts`]

/** Gates that only read: as many at once as there are processors. */
const READING: readonly Gate[] = [
  { name: 'lint and format', command: ['node_modules/.bin/biome', 'check', '--error-on-warnings'] },
  { name: 'types', command: ['node_modules/.bin/tsc', '-p', '.'] },
  { name: 'types of the page', command: ['node_modules/.bin/tsc', '-p', 'src/ui/page'] },
  {
    name: 'unused code',
    command: ['node_modules/.bin/knip', '--config', 'test/tools/knip.jsonc', '--no-progress'],
  },
  { name: 'documentation', command: ['node_modules/.bin/typedoc', '--options', 'test/tools/typedoc.json'] },
  { name: 'package', command: tool('package'), tells: true },
  { name: 'type cost', command: tool('instantiations'), tells: true },
  { name: 'size', command: tool('size'), tells: true },
  { name: 'figures', command: tool('figures') },
]
/** The tests run alone. */
const TESTS: readonly Gate[] = [
  { name: 'tests', command: [...suiteCommand, '--coverage'] },
  { name: 'coverage', command: tool('coverage'), tells: true },
  { name: 'branches elsewhere', command: tool('elsewhere'), tells: true },
]
/** A slow gate prints its progress now and then. */
const PATIENCE_MS = 20_000

/** With `--reading` or `--tests`, a part of them. */
const part = (['reading', 'tests'] as const).find((one) => process.argv.includes(`--${one}`))
/** With `--json`, one document at the end and nothing before. */
const json = process.argv.includes('--json')
const say = (text: string): void => {
  if (!json) console.log(text)
}

/** The result of a gate. */
interface Passed {
  readonly gate: string
  readonly ok: boolean
  readonly seconds: number
  /** Its output, if it fails. */
  readonly output?: string
}

/** Runs a gate, prints its result, and resolves with it. */
function pass({ name, command, tells }: Gate): Promise<Passed> {
  const [program = '', ...args] = command
  const start = performance.now()
  const taken = (): number => Math.round((performance.now() - start) / 100) / 10
  const seconds = (): string => `${taken().toFixed(1).padStart(5)} s`
  let output = ''
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] })
    const heartbeat = setInterval(() => {
      say(`… running ${name.padEnd(16)} ${seconds()}  ${lastLine(output).slice(0, 80)}`)
    }, PATIENCE_MS)
    const hear = (data: Buffer): void => {
      output += data.toString()
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    child.on('error', ({ message }) => hear(Buffer.from(message)))
    child.on('close', (code) => {
      clearInterval(heartbeat)
      const ok = code === 0
      say(`${ok ? '✓ ok     ' : '✗ failed '} ${name.padEnd(16)} ${seconds()}`)
      if (ok && tells) say(`           ${lastLine(output)}`)
      if (!ok) say(`\n$ ${command.join(' ')}\n${output.trimEnd()}\n`)
      resolve({ gate: name, ok, seconds: taken(), ...(ok ? {} : { output: stripVTControlCharacters(output) }) })
    })
  })
}

const lastLine = (text: string): string => stripVTControlCharacters(text).trimEnd().split('\n').at(-1)?.trim() ?? ''

/** Passes gates, `width` at once, in order of declaration. */
async function passAll(gates: readonly Gate[], width: number): Promise<Passed[]> {
  const waiting = [...gates]
  const passed: Passed[] = []
  const lane = async (): Promise<void> => {
    for (let gate = waiting.shift(); gate !== undefined; gate = waiting.shift()) passed.push(await pass(gate))
  }
  await Promise.all(Array.from({ length: width }, lane))
  return passed
}

rmSync(LAST_REPORT, { force: true })
const passed = [
  ...(part === 'tests' ? [] : await passAll(READING, availableParallelism())),
  ...(part === 'reading' ? [] : await passAll(TESTS, 1)),
]
const failed = passed.filter(({ ok }) => !ok).map(({ gate }) => gate)
if (json) console.log(JSON.stringify(passed))
else if (failed.length === 0) console.log('All gates passed.')
else console.log(`${failed.length} of ${passed.length} gates failed: ${failed.join(', ')}.`)
process.exitCode = failed.length === 0 ? 0 : 1
