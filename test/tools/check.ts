import { spawn } from 'node:child_process'
import { ROOT } from './vitest-report.js'

/** One thing that must hold before a change is good. */
interface Gate {
  readonly name: string
  readonly command: readonly string[]
}

const GATES: readonly Gate[] = [
  { name: 'lint and format', command: ['npx', 'biome', 'check', '--error-on-warnings'] },
  { name: 'types', command: ['npx', 'tsc', '-p', '.'] },
  { name: 'tests', command: ['npm', 'test', '--silent'] },
  { name: 'type cost', command: ['npx', 'tsx', 'test/tools/instantiations.ts'] },
  { name: 'size', command: ['npx', 'tsx', 'test/tools/size.ts'] },
]

function run([program = '', ...args]: readonly string[]): Promise<{ readonly ok: boolean; readonly output: string }> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (data: Buffer) => {
      output += data.toString()
    })
    child.stderr.on('data', (data: Buffer) => {
      output += data.toString()
    })
    child.on('error', (error) => resolve({ ok: false, output: error.message }))
    child.on('close', (code) => resolve({ ok: code === 0, output }))
  })
}

let failed = 0
for (const { name, command } of GATES) {
  const start = performance.now()
  const { ok, output } = await run(command)
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  console.log(`${ok ? '✓ ok    ' : '✗ failed'} ${name.padEnd(16)} ${seconds.padStart(5)} s`)
  if (ok && (name === 'type cost' || name === 'size')) console.log(`           ${output.trim().split('\n').at(-1)}`)
  if (!ok) {
    failed += 1
    console.log(`\n$ ${command.join(' ')}\n${output.trimEnd()}\n`)
  }
}
console.log(failed === 0 ? 'All gates passed.' : `${failed} of ${GATES.length} gates failed.`)
process.exitCode = failed === 0 ? 0 : 1
