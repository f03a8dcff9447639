import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { answer } from 'teasel/persistence'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { bundleWorker } from '../tools/bundle-worker.js'
import { ROOT } from '../tools/vitest-report.js'
import { type Held, readLines, readStore } from './store.js'
import { approve } from './work.js'

// Kills processes that run an application, at every border of persistence in turn and at random instants, resumes them
// until they are done, and counts what was lost or done twice.

const DONE = 42
const WAITS = 43
const MOST_LIVES = 60

const usage = `Usage: npm run chaos -- --kills N [--control] [--json]

Kills N processes by SIGKILL: half of them at the borders of persistence in turn (before and after each write), half at
random instants, with a SIGTERM now and then. --control switches the journal off, to show that the counters count.`
const args = process.argv.slice(2)
const kills = Number(args[args.indexOf('--kills') + 1] ?? 0)
const control = args.includes('--control')
const json = args.includes('--json')
if (args.includes('--help')) {
  console.log(usage)
  process.exit(0)
}
if (!args.includes('--kills') || !(kills > 0)) {
  console.error(usage)
  process.exit(2)
}

const worker = await bundleWorker('chaos')
const folder = mkdtempSync(join(tmpdir(), 'teasel-chaos-'))
const counted = { kills: 0, lost: 0, repeated: 0, wrong: 0, duplicates: 0 }

/** How one life of the worker ended. */
interface Life {
  readonly code: number | null
  readonly killed: boolean
  readonly out: string
  readonly error: string
}

/** What ends a life: a border of persistence, a moment after it is up, or nothing. */
type Plan =
  | { readonly at: number; readonly when: 'before' | 'after' }
  | { readonly afterMs: number; readonly signal: NodeJS.Signals }
  | undefined

function live(file: string, log: string, plan: Plan): Promise<Life> {
  const env = { ...process.env, CHAOS_FILE: file, CHAOS_LOG: log, ...(control ? { CHAOS_CONTROL: '1' } : {}) }
  const own = plan !== undefined && 'at' in plan ? { CHAOS_KILL_AT: String(plan.at), CHAOS_KILL_WHEN: plan.when } : {}
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [worker], { cwd: ROOT, env: { ...env, ...own } })
    let [out, error] = ['', '']
    child.stdout.on('data', (data: Buffer) => {
      const before = out
      out += data.toString()
      if (before === '' && plan !== undefined && 'afterMs' in plan)
        setTimeout(() => child.kill(plan.signal), plan.afterMs)
    })
    child.stderr.on('data', (data: Buffer) => {
      error += data.toString()
    })
    const hung = setTimeout(() => child.kill('SIGABRT'), 60_000)
    child.on('close', (code, signal) => {
      clearTimeout(hung)
      resolve({ code, killed: signal === 'SIGKILL', out, error: signal === 'SIGABRT' ? `It hung.\n${error}` : error })
    })
  })
}

/** Counts what a life did although it was there before. */
function count(held: Held, log: string, from: number): number {
  const lines = readLines(log, from)
  counted.repeated += lines.filter(({ step, effect }) => effect === undefined && held.steps.has(step)).length
  counted.duplicates += lines.filter(({ effect }) => effect !== undefined && held.effects.has(effect)).length
  return from + lines.length
}

let runs = 0
/** Runs one application to its end, over as many lives as it takes. @returns its final state, and how much it wrote */
async function runToEnd(plans: () => Plan): Promise<{ readonly state: string; readonly borders: number } | undefined> {
  const name = `run-${runs++}`
  const [file, log] = [join(folder, `${name}.db`), join(folder, `${name}.log`)]
  let [held, seen, waits]: [Held, number, number] = [readStore(file), 0, 0]
  for (let lives = 0; lives < MOST_LIVES; lives++) {
    const { code, killed, out, error } = await live(file, log, plans())
    if (killed) counted.kills += 1
    seen = count(held, log, seen)
    held = readStore(file)
    if (code === DONE) return JSON.parse(out.split('\n')[1] ?? '{}') as { state: string; borders: number }
    if (code === WAITS) {
      if (waits++ > 2) break // answered, and still waiting
      await using persister = sqlitePersister({ file })
      await answer({ persister, appId: 'chaos', message: approve('yes') })
    } else if (!killed && code !== 0) {
      console.error(`${name}: ended with ${code}\n${error}`)
      break
    }
  }
  return undefined
}

/** Compares the end of a run with that of one that was left alone. */
function judge(end: { readonly state: unknown } | undefined): void {
  if (end === undefined) counted.lost += 1
  else if (JSON.stringify(end.state) !== expected) counted.wrong += 1
}

function tally(): string {
  const { kills, lost, repeated, wrong, duplicates } = counted
  return `kills ${kills}, runs lost ${lost}, committed steps repeated ${repeated}, wrong final states ${wrong}, duplicate side effects ${duplicates}`
}

const started = performance.now()
// What is still to come is seen while it runs; the numbers themselves stand alone in the output.
const progress = setInterval(() => console.error(`… of ${kills}: ${tally()}`), 20_000)
const wasControl = control
const alone = await runToEnd(() => undefined)
const expected = JSON.stringify(alone?.state ?? (wasControl ? { round: 2, found: [], answer: 'yes.' } : undefined))
if (alone === undefined && !wasControl) {
  console.error('A run that nobody kills does not end.')
  process.exit(1)
}
Object.assign(counted, { kills: 0, lost: 0, repeated: 0, wrong: 0, duplicates: 0 })
// The last life of the run that was left alone came after the wait, so this is less than there are.
const borders = Math.max(alone?.borders ?? 0, 120)

let at = 0
const half = Math.ceil(kills / 2)
const stride = Math.max(1, Math.floor((2 * borders) / half))
while (counted.kills < half) {
  const place = (at * stride) % (2 * borders)
  at += 1
  const plan = { at: 1 + (place >> 1), when: place % 2 === 0 ? ('before' as const) : ('after' as const) }
  const before = counted.kills
  const plans: Plan[] = [plan]
  judge(await runToEnd(() => plans.pop()))
  if (counted.kills === before && at > 4 * borders) break
}
while (counted.kills < kills) {
  let left = 8
  judge(
    await runToEnd(() => {
      if (left-- <= 0 || counted.kills >= kills) return undefined
      return { afterMs: Math.random() * 120, signal: left % 5 === 0 ? 'SIGTERM' : 'SIGKILL' }
    }),
  )
}
rmSync(folder, { recursive: true, force: true })
clearInterval(progress)
const { lost, repeated, wrong, duplicates } = counted
const seconds = ((performance.now() - started) / 1000).toFixed(0)
if (json) console.log(JSON.stringify({ runs: runs - 1, seconds: Number(seconds), control, ...counted }))
else {
  console.log(`${runs - 1} runs, ${seconds} s${control ? ', the journal switched off' : ''}`)
  console.log(tally())
}
process.exitCode = lost + repeated + wrong + duplicates > 0 ? 1 : 0
