import { makePlan } from './make-plan.js'
import { runSchedule } from './schedule.js'

const [from, to] = process.argv.slice(2).map(Number)
const kinds = new Map()
const notes = new Map()
let bad = 0
const start = Date.now(); const cpu0 = process.cpuUsage()
let turns = 0
for (let seed = from; seed < to; seed++) {
  let report
  try {
    report = await runSchedule(makePlan(seed))
  } catch (e) {
    console.log(seed, 'CRASH', e)
    process.exit(1)
  }
  turns += report.entries.at(-1)?.turn ?? 0
  for (const [k, v] of report.notes) notes.set(k, (notes.get(k) ?? 0) + v)
  if (report.violations.length) bad++
  for (const v of report.violations) {
    const l = kinds.get(v.law) ?? []
    l.push(`${seed}: ${v.what} @${v.turn}`)
    kinds.set(v.law, l)
  }
}
console.log('cpu', Math.round(process.cpuUsage(cpu0).user / 1000), 'ms', Date.now() - start, 'turns', turns, 'bad', bad)
console.log(notes)
for (const [k, l] of kinds) {
  console.log('✗', k, l.length)
  for (const x of l.slice(0, 6)) console.log('   ', x)
}
