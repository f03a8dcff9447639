import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sendStored } from 'teasel/persistence'
import { findPostgres } from '../support/postgres.js'
import { findRedis } from '../support/redis.js'
import { type Bug, bundleWorker } from '../tools/bundle-worker.js'
import { CALM, type Draw, drawRun, randomOf } from './draw.js'
import { END } from './ends.js'
import { Fleet, JobServer } from './fleet.js'
import { runHosts } from './hosts.js'
import { Judge } from './judge.js'
import { deathsOf, leftOf, makeTemporary } from './leftovers.js'
import { type Life, type Lived, livesIn, type Plan } from './life.js'
import { LogJudge } from './log-judge.js'
import { openStore } from './open-store.js'
import { dropStore } from './store.js'
import { approve } from './work.js'

// Kills, stops and doubles processes that run an application, at every boundary of persistence in turn and at random
// instants, with the disturbances of the draw; resumes them until they are done, and counts lost and repeated work.

const MOST_LIVES = 120
/** How long a life that is killed at random lives at most, milliseconds after it has begun. */
const LIFE_MS = process.argv.includes('bullmq') ? 1_500 : 150
/** How often the stores are read while branches run in workers. */
const PEEK_MS = 50

const usage = `Usage: npm run chaos -- --kills N [--seed S] [--control] [--store postgres|redis] [--json] [--hosts] [--track]
                              [--executor threads|processes|bullmq]

Kills N processes by SIGKILL: half of them at the borders of persistence in turn (before and after each write), half at
random instants, with a SIGTERM, or a SIGSTOP and a second runner, now and then. For each run it is drawn when it is saved,
which map has a store of its own, how often the stores are away and what is done then, whether it is saved by hand, and
whether the wall clock jumps. --seed repeats what was drawn; when a kill hits stays up to the machine. --control puts a
bug into the engine (a store that is away fails a branch, and not the run; with --executor, a worker does not see recorded
effects, and the owner lives), to show that the counters count. --store stores
in PostgreSQL or Redis: the server of TEASEL_POSTGRES or TEASEL_REDIS, or one that is found, in schemas or under prefixes that are dropped. --executor
runs the branches in two workers, which die too, each counted as a kill: they end themselves at a pause, or loop for ever
while a branch is cancelled or timed out; a life leaves no process and no temporary file. With bullmq, the two workers of
a run outlive its lives, over a server of Redis that is started for the jobs: workers are killed, or stopped for longer
than their locks, the server is killed and started again with what it has kept, and after a run no job, no key, and no
process is left. Its store is one that other machines can open: --store is needed. --hosts
kills processes of two or three hosts that share one store and many runs, drains some of them, stops some for longer than
their leases, and sets the clock; its --control gives all runners the same id, so that nothing fences a stopped one.`
const args = process.argv.slice(2)
const numberOf = (name: string): number => Number(args[args.indexOf(name) + 1] ?? 0)
const kills = numberOf('--kills')
const control = args.includes('--control')
const tracked = args.includes('--track')
const json = args.includes('--json')
if (args.includes('--help')) {
  console.log(usage)
  process.exit(0)
}
if (!args.includes('--kills') || !(kills > 0)) {
  console.error(usage)
  process.exit(2)
}
const stored = args.includes('--store') ? args[args.indexOf('--store') + 1] : undefined
if (stored !== undefined && stored !== 'postgres' && stored !== 'redis') {
  console.error(usage)
  process.exit(2)
}
const server = stored === undefined ? undefined : await (stored === 'redis' ? findRedis() : findPostgres())
if (stored !== undefined && server === undefined) {
  console.error(`No server of ${stored} answers. Give its URL in TEASEL_${stored.toUpperCase()}.`)
  process.exit(2)
}
const executor = args.includes('--executor') ? args[args.indexOf('--executor') + 1] : undefined
if (executor !== undefined && executor !== 'threads' && executor !== 'processes' && executor !== 'bullmq') {
  console.error(usage)
  process.exit(2)
}
if (executor === 'bullmq' && !stored) {
  console.error('Branches as jobs need a store that other machines can open. Add --store postgres.')
  process.exit(2)
}
const seed = args.includes('--seed') ? numberOf('--seed') : Math.floor(Math.random() * 1e9)
const random = randomOf(seed)
const tearing = randomOf(seed + 1)

if (args.includes('--hosts') && tracked) {
  console.error('--track compares runs of one process at a time. Leave --hosts out.')
  process.exit(2)
}
if (args.includes('--hosts')) {
  const begun = performance.now()
  const say = (text: string): void => console.error(text)
  const { tally, found, ...counts } = await runHosts({ kills, seed, server: server?.url, control, say })
  const took = Math.round((performance.now() - begun) / 1000)
  if (json) console.log(JSON.stringify({ seconds: took, seed, control, ...counts }))
  else console.log(`${counts.runs} runs, ${took} s, seed ${seed}${control ? ', with a bug put in' : ''}: ${tally}`)
  process.exit(found ? 1 : 0)
}

const LOG_BUG: Bug = {
  file: 'adapters/file/run-log.ts',
  from: "if (event.type === 'dropped') return",
  to: "if (event.type === 'dropped' || (event.type === 'step.end' && event.source === 'next')) return",
}
const BUG: Bug = tracked
  ? LOG_BUG
  : executor === undefined
    ? { file: 'persistence/scope.ts', from: '    this.outage.lost?.(error)\n', to: '' }
    : { file: 'remote/worker-journal.ts', from: 'once?.has(key) === true', to: 'once?.has(key) === null' }
const worker = await bundleWorker('chaos', control ? BUG : undefined, 'worker', {
  'pool-worker': 'src/adapters/worker/index.ts',
  work: 'test/chaos/work.ts',
  ...(executor === 'bullmq' && { 'job-worker': 'test/chaos/job-worker.ts' }),
})
const jobs = executor === 'bullmq' ? await JobServer.start() : undefined
if (executor === 'bullmq' && jobs === undefined) {
  console.error('redis-server is not installed; the jobs need one of their own.')
  process.exit(2)
}
// What is started here ends with this process.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))
const folder = mkdtempSync(join(tmpdir(), 'teasel-chaos-'))
const judge = new Judge()

let runs = 0
/** Runs one application to its end, over any number of lives. @returns its end; undefined when it has none */
async function runToEnd(draw: Draw, plans: () => Plan): Promise<Lived | undefined> {
  const name = `run-${runs++}`
  const log = join(folder, `${name}.log`)
  const placeOf = (end: string): string =>
    server === undefined ? join(folder, `${name}.${end}`) : `${server.url}#teasel_chaos_${process.pid}_${name}.${end}`
  const [file, own] = [placeOf('db'), placeOf('own.db')]
  makeTemporary(log)
  const settings = { worker, name, log, draw, random }
  const fleet = jobs && draw.executor === 'bullmq' ? await Fleet.start({ ...settings, server: jobs }) : undefined
  try {
    return await liveOn(name, { file, own, log, draw, fleet }, plans)
  } finally {
    if (fleet !== undefined) ending.push(endOf(fleet, name))
    for (const place of [file, own]) await dropStore(place)
  }
}

/** Where a run is stored and logged, and its draw. */
interface Drawn {
  readonly file: string
  readonly own: string
  readonly log: string
  readonly draw: Draw
  readonly fleet: Fleet | undefined
}

async function liveOn(
  name: string,
  { file, own, log, draw, fleet }: Drawn,
  plans: () => Plan,
): Promise<Lived | undefined> {
  const trial = await judge.begin([file, own], log, !draw.jumps)
  const say = (text: string): void => console.error(`${name} (seed ${seed}, ${JSON.stringify(draw)}) ${text}`)
  const track = tracked ? `${log}.track` : undefined
  const logs = track && new LogJudge({ dir: track, file, savesEach: draw.save === 'every-step', random: tearing, say })
  const live = livesIn({ worker, file, own, log, draw, random, fleet, track })
  const ended = ({ code, error, killed, signal }: Life): boolean => {
    if (killed || signal === 'SIGTERM' || code === 0 || code === END.away || code === END.takenOver) return false
    if (code === END.waits || code === END.done) return false
    console.error(`${name} (seed ${seed}, ${JSON.stringify(draw)}): ended with ${code}\n${error}`)
    return true
  }
  const watched = async (life: Promise<Life>): Promise<Life> => {
    if (draw.executor === undefined || draw.jumps) return life
    let peeks = Promise.resolve()
    const peek = (): void => {
      peeks = peeks.then(() => trial.peek()).catch(() => {}) // the store is being made
    }
    const timer = setInterval(peek, PEEK_MS)
    const ended = await life
    clearInterval(timer)
    await peeks
    return ended
  }
  let [waits, deaths, stops] = [0, 0, 0]
  for (let lives = 0; lives < MOST_LIVES; lives++) {
    const plan = plans()
    const life = await watched(live(plan))
    if (life.killed) judge.counted.kills += 1
    if (life.stopped) judge.counted.doubles += 1
    const left = await leftOf(log)
    if (left.length > 0) console.error(`${name} (seed ${seed}) left ${left.join(', ')}`)
    judge.counted.left += left.length
    const died = deathsOf(log) + (fleet?.kills ?? 0) - deaths
    deaths += died
    judge.counted.workers += died
    judge.counted.kills += died
    const servers = jobs?.kills ?? 0
    judge.counted.kills += servers - judge.counted.servers
    judge.counted.servers = servers
    judge.counted.doubles += (fleet?.stops ?? 0) - stops
    stops = fleet?.stops ?? 0
    const held = await trial.look((line) => line.pid === life.zombie || fleet?.excuses(line) === true)
    if (logs) judge.counted.logs += await logs.look(life, held)
    if (ended(life)) return undefined
    if (life.code === END.done) return life.lived
    if (life.code !== END.waits) continue
    if (waits++ > 5) break // answered, and still waiting
    await using persister = openStore(file)
    await sendStored({ persister, appId: 'chaos', message: approve('yes') })
  }
  console.error(`${name} (seed ${seed}, ${JSON.stringify(draw)}): does not end`)
  return undefined
}

/** Fleets whose runs are over, while their last jobs end. */
const ending: Promise<void>[] = []
async function endOf(fleet: Fleet, name: string): Promise<void> {
  const left = await fleet.end()
  if (left.length > 0) console.error(`${name} (seed ${seed}) left ${left.join(', ')}`)
  judge.counted.left += left.length
}

const started = performance.now()
// The progress goes to the terminal; the output holds only the numbers.
const progress = setInterval(() => console.error(`… of ${kills}: ${judge.tally(tracked)}`), 20_000)
const alone = await runToEnd(CALM, () => undefined)
if (alone === undefined) {
  console.error('A run that nobody kills does not end.')
  process.exit(1)
}
judge.expect(alone.state)
const borders = Math.max(alone.borders, 160)
console.error(`seed ${seed}`)

/** A control ends with the first fault that it finds. */
const goes = (upTo: number): boolean => judge.counted.kills < upTo && !(control && judge.found)
const drawn = (): Draw =>
  control
    ? { ...drawRun(random, executor), outages: 0.01, whenUnavailable: 'fail', jumps: false }
    : drawRun(random, executor)

let at = 0
const half = Math.ceil(kills / 2)
const stride = Math.max(1, Math.floor((2 * borders) / half))
while (goes(half) && at < 4 * borders) {
  const place = (at * stride) % (2 * borders)
  at += 1
  const plans: Plan[] =
    control && executor !== undefined ? [] : [{ at: 1 + (place >> 1), when: place % 2 === 0 ? 'before' : 'after' }]
  judge.end(await runToEnd(drawn(), () => plans.pop()))
}
while (goes(kills)) {
  let left = 8
  const plan = (): Plan => {
    if (left-- <= 0 || judge.counted.kills >= kills) return undefined
    const signal = ['SIGKILL', 'SIGKILL', 'SIGKILL', 'SIGTERM', 'SIGSTOP'][Math.floor(random() * 5)]
    return { afterMs: random() * LIFE_MS, signal: signal as NodeJS.Signals }
  }
  judge.end(await runToEnd(drawn(), plan))
}
await Promise.all(ending)
await jobs?.stop()
rmSync(folder, { recursive: true, force: true })
clearInterval(progress)
const seconds = ((performance.now() - started) / 1000).toFixed(0)
if (json) console.log(JSON.stringify({ runs: runs - 1, seconds: Number(seconds), seed, control, ...judge.counted }))
else {
  console.log(`${runs - 1} runs, ${seconds} s, seed ${seed}${control ? ', with a bug put in' : ''}`)
  console.log(judge.tally(tracked))
}
process.exitCode = judge.found ? 1 : 0
