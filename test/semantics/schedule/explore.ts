import { calmed, differsWhenStored, triedAgain } from './both-ways.js'
import { makePlan } from './make-plan.js'
import { createPaint, type Paint } from './paint.js'
import { settingLines, treeLines } from './print-plan.js'
import { traceLines } from './print-trace.js'
import { type Report, runSchedule } from './schedule.js'
import { Tally } from './tally.js'
import { plain } from './trace.js'

// npm run explore -- --seed N            replays one schedule for a person
// npm run explore -- --both --from A --to B   looks for what a store changes
// npm run explore -- --from A --to B     looks for schedules that break a law, the shortest first

const HELP = `Replays schedules of the engine, each made of a number alone.

  --seed N           one schedule: its tree, each turn, what followed, and the laws
  --from A --to B    all seeds from A up to B: what happened, and which break a law, the shortest first
  --both             each seed without races, with a store and without one: where the two do not come to the same end
  --again            with --both: each seed of two runs
  --json             for machines
  --help             this`

interface Options {
  readonly seed: number | undefined
  readonly from: number | undefined
  readonly to: number | undefined
  readonly both: boolean
  readonly again: boolean
  readonly json: boolean
  readonly help: boolean
}

function parse(args: readonly string[]): Options {
  const given = new Map<string, number>()
  const flags = new Set<string>()
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? ''
    if (arg === '--json' || arg === '--help' || arg === '--both' || arg === '--again') flags.add(arg)
    else if (arg === '--seed' || arg === '--from' || arg === '--to') {
      const value = Number(args[++i])
      if (!Number.isInteger(value)) throw new TypeError(`${arg} takes a whole number.`)
      given.set(arg, value)
    } else throw new TypeError(`There is no option "${arg}".\n\n${HELP}`)
  }
  return {
    seed: given.get('--seed'),
    from: given.get('--from'),
    to: given.get('--to'),
    both: flags.has('--both'),
    again: flags.has('--again'),
    json: flags.has('--json'),
    help: flags.has('--help'),
  }
}

async function replay(seed: number, json: boolean, paint: Paint): Promise<boolean> {
  const report = await runSchedule(makePlan(seed))
  if (json) console.log(JSON.stringify({ ...report, notes: Object.fromEntries(report.notes) }, plain, 2))
  else
    console.log(
      [...head(report, paint), '', ...traceLines(report.entries, paint), '', ...foot(report, paint)].join('\n'),
    )
  return report.violations.length === 0
}

function head({ plan }: Report, paint: Paint): string[] {
  return [
    paint.bold(`schedule ${plan.seed}`),
    '',
    ...treeLines(plan).map((line) => `  ${line}`),
    '',
    ...settingLines(plan).map((line) => `  ${line}`),
  ]
}

function foot({ violations, notes }: Report, paint: Paint): string[] {
  const happened = [...notes].map(([what, times]) => (times === 1 ? what : `${what} × ${times}`)).join(', ')
  return [
    ...(happened === '' ? [] : [`happened  ${happened}`]),
    ...(violations.length === 0
      ? [paint.green('✓ every law holds')]
      : violations.map(({ law, what, turn }) => paint.red(`✗ ${law} (turn ${turn}): ${what}`))),
  ]
}

async function search(from: number, to: number, json: boolean, paint: Paint): Promise<boolean> {
  const tally = new Tally()
  const broken: Report[] = []
  for (let seed = from; seed <= to; seed++) {
    const report = await runSchedule(makePlan(seed))
    tally.add(report)
    if (report.violations.length > 0) broken.push(report)
  }
  broken.sort((a, b) => a.entries.length - b.entries.length)
  if (json) {
    const found = broken.map(({ plan, entries, violations }) => ({
      seed: plan.seed,
      entries: entries.length,
      violations,
    }))
    console.log(JSON.stringify({ from, to, happened: tally.counts(), broken: found }, plain, 2))
  } else console.log([...brokenLines(broken, paint), tally.text()].join('\n'))
  return broken.length === 0
}

/** Seeds of schedules without races that do not come to the same end with a store and without one. */
async function searchBoth(from: number, to: number, again: boolean, paint: Paint): Promise<boolean> {
  let differing = 0
  for (let seed = from; seed <= to; seed++) {
    const differs = await differsWhenStored(again ? triedAgain(makePlan(seed)) : calmed(makePlan(seed)))
    if (differs === undefined) continue
    differing += 1
    console.log(paint.red(`✗ --seed ${seed}: ${differs}`))
  }
  console.log(`${to - from + 1} schedules with a store and without one, ${differing} of them differ`)
  return differing === 0
}

/** Each broken law, with its shortest schedules. */
function brokenLines(broken: readonly Report[], paint: Paint): string[] {
  const laws = new Map<string, string[]>()
  for (const { plan, violations } of broken) {
    for (const law of new Set(violations.map((violation) => violation.law))) {
      const { what = '', turn = 0 } = violations.find((violation) => violation.law === law) ?? {}
      const lines = laws.get(law) ?? []
      laws.set(law, lines)
      lines.push(`  --seed ${String(plan.seed).padEnd(6)} ${paint.dim(`turn ${turn}:`)} ${what}`)
    }
  }
  return [...laws].flatMap(([law, lines]) => {
    const more = lines.length > SHOWN ? [paint.dim(`  and ${lines.length - SHOWN} more`)] : []
    return [paint.red(`✗ ${law}`), ...lines.slice(0, SHOWN), ...more, '']
  })
}

/** The number of schedules shown for each broken law. */
const SHOWN = 5

const options = parse(process.argv.slice(2))
const paint = createPaint(process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined)
if (options.help) console.log(HELP)
else if (options.both) {
  const from = options.seed ?? options.from ?? 0
  const to = options.seed ?? options.to ?? from + 499
  process.exitCode = (await searchBoth(from, to, options.again, paint)) ? 0 : 1
} else if (options.seed !== undefined) process.exitCode = (await replay(options.seed, options.json, paint)) ? 0 : 1
else {
  const from = options.from ?? 0
  process.exitCode = (await search(from, options.to ?? from + 499, options.json, paint)) ? 0 : 1
}
