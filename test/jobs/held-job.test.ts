import type { ExecutorDriver, Loss, SubmittedTask, TaskData, TaskOwner } from 'teasel/executor'
import { memoryEngine } from 'teasel/testing'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/internal/clock.js'
import type { EngineDriver, JobEnd } from '../../src/jobs/engine-driver.js'
import { HeldJob, type JobHome } from '../../src/jobs/held-job.js'
import { type Grant, grantText, itemOf, type Notice, readNotice } from '../../src/jobs/items.js'
import { type BranchJob, rootChannel } from '../../src/jobs/job-data.js'
import { JobDriver } from '../../src/jobs/job-driver.js'
import { startWorker } from '../../src/jobs/job-worker.js'
import { LastOwners } from '../../src/jobs/last-owners.js'
import { Link } from '../../src/jobs/link.js'
import { LinkEnd, Mail } from '../../src/jobs/mail.js'
import { Slots } from '../../src/jobs/slots.js'
import { defer, flushUntil } from '../support/deferred.js'
import { quiet } from '../support/quiet-logger.js'

const CODE = { registry: 'r', name: 'one', action: 'one', fingerprint: 'x' }
const JOB: BranchJob = { kind: 'branch', root: 'root', owner: 'o/first', path: 'all/0', code: CODE }

/** A task that a place was given. */
interface Given {
  readonly task: TaskData
  readonly owner: TaskOwner
  readonly texts: string[]
  released: boolean
}

/** A place that runs nothing: a test speaks for its tasks. */
class SilentPlace implements ExecutorDriver {
  readonly name = 'silent'
  readonly can = { closures: false, loads: false, preempt: true, attach: false }
  readonly given: Given[] = []
  readonly #asked: ((given: Given) => void)[] = []

  submit(task: TaskData, owner: TaskOwner): SubmittedTask {
    const one: Given = { task, owner, texts: [], released: false }
    this.given.push(one)
    this.#asked.shift()?.(one)
    return {
      send: (text) => void one.texts.push(text),
      release: () => {
        one.released = true
      },
    }
  }

  next(): Promise<Given> {
    return new Promise((resolve) => void this.#asked.push(resolve))
  }

  close(): void {}
}

/** A job of a worker, and the owners that grant it. */
function rig() {
  const place = new SilentPlace()
  const [asked, lost, ends]: [number[], Loss[], JobEnd[]] = [[], [], []]
  let takes = 0
  const home: JobHome = {
    place,
    slots: new Slots(1, () => {}),
    owners: new LastOwners(),
    nextTake: () => ++takes,
    ask: ({ take }) => void asked.push(take),
    ended: (_, how) => void ends.push(how),
    lost: (loss) => void lost.push(loss),
    left: () => {},
    moduleOf: () => undefined,
  }
  const lock = new AbortController()
  const taken = () => new HeldJob({ id: 'a', data: '', signal: lock.signal }, JOB, home)
  const job = taken()
  const grant = (of: Partial<Grant> = {}): Grant => ({
    ...{ id: 'a', delivery: 1, path: 'all/0', maxFrameBytes: 1_000, start: '{}', take: job.take },
    ...of,
  })
  return { place, job, taken, grant, lock, asked, lost, ends }
}

const ownerEnd = (name: string): LinkEnd => new LinkEnd(name, `w/${name}`, new Link(0), () => {})
const itemsOf = ({ link }: LinkEnd): readonly string[] => link.flush(0).flatMap(({ body }) => body.split('\n'))

describe('a job of a branch', () => {
  it('goes to a later owner; a late text and a late loss of the run before it have no effect', () => {
    const { place, job, grant, asked, lost } = rig()
    const [first, second] = [ownerEnd('first'), ownerEnd('second')]

    expect(job.run(first, 1, grant({ incarnation: 0 }))).toBe(true)
    expect(job.run(second, 1, grant({ incarnation: 1 }))).toBe(true)
    const [before, now] = place.given
    before?.owner.receive('late')
    before?.owner.lost({ why: 'Its thread has died.' })
    now?.owner.receive('new')

    expect([before?.released, now?.released]).toEqual([true, false])
    expect([itemsOf(first), itemsOf(second)]).toEqual([[], ['text\t1\tnew']])
    expect([job.status, asked, lost]).toEqual(['running', [], []])
    expect([first.link.live, second.link.live]).toEqual([0, 1])
  })

  it('refuses an earlier owner that wakes, also for a further taking; the run of the later one goes on', () => {
    const { place, job, grant } = rig()
    const [first, second] = [ownerEnd('first'), ownerEnd('second')]
    job.run(first, 1, grant({ incarnation: 4 }))
    job.run(second, 1, grant({ incarnation: 5 }))

    expect(job.run(first, 2, grant({ incarnation: 4 }))).toBe(false)
    expect(place.given.map(({ released }) => released)).toEqual([true, false])
    place.given[1]?.owner.lost({ why: 'Its thread has died.' })
    expect(job.run(first, 3, grant({ incarnation: 4 }))).toBe(false)
    expect(job.run(second, 2, grant({ incarnation: 5, delivery: 2 }))).toBe(true)

    expect(itemsOf(first)).toEqual([])
    expect(place.given.map(({ task }) => task.delivery)).toEqual([1, 1, 2])
  })

  it('refuses an earlier owner also after the later one has ended it, and the earlier one has made it again', () => {
    const { place, job, taken, grant } = rig()
    const [first, second] = [ownerEnd('first'), ownerEnd('second')]
    job.run(second, 1, grant({ incarnation: 1 }))
    job.receive(second, { word: 'release', grant: 1, rest: '' })

    const again = taken()

    expect(again.run(first, 1, grant({ incarnation: 0, take: again.take }))).toBe(false)
    expect([place.given.length, again.status]).toEqual([1, 'asking'])
    expect(again.run(second, 2, grant({ incarnation: 1, take: again.take }))).toBe(true)
  })

  it('is delivered anew by the same owner; its texts go to the new run', () => {
    const { place, job, grant } = rig()
    const end = ownerEnd('first')
    job.run(end, 1, grant({ incarnation: 2 }))

    expect(job.run(end, 2, grant({ incarnation: 2, delivery: 2 }))).toBe(true)
    place.given[0]?.owner.receive('late')
    place.given[1]?.owner.receive('new')
    job.receive(end, { word: 'text', grant: 1, rest: 'of the grant before' })
    job.receive(end, { word: 'text', grant: 2, rest: 'hello' })

    expect(itemsOf(end)).toEqual(['text\t2\tnew'])
    expect(place.given.map(({ texts }) => texts)).toEqual([[], ['hello']])
  })

  it('refuses the grant of an earlier taking', () => {
    const { place, job, grant, asked } = rig()
    const end = ownerEnd('first')
    const before = grant()
    job.run(end, 1, before)
    place.given[0]?.owner.lost({ why: 'Its thread has died.' })

    expect(job.run(end, 2, before)).toBe(false)
    expect([place.given.length, job.status, asked]).toEqual([1, 'asking', [2]])
    expect(job.run(end, 3, grant({ delivery: 2 }))).toBe(true)
  })

  it('tells the owner that has it when the lock is lost, and is granted to nobody any more', async () => {
    const { place, job, grant, lock, ends } = rig()
    const end = ownerEnd('first')
    job.run(end, 1, grant({ incarnation: 1 }))

    lock.abort()

    await job.done
    expect(itemsOf(end)).toEqual(['lost\t1\t{"why":"Its worker has lost the lock of its job."}'])
    expect([place.given[0]?.released, end.link.live, ends]).toEqual([true, 0, [undefined]])
    expect(job.run(end, 2, grant({ incarnation: 2 }))).toBe(false)
  })
})

describe('the last owners', () => {
  it('are remembered for the last grants', () => {
    const owners = new LastOwners(2)
    const admitted = [
      ...[owners.admits('a', 2), owners.admits('b', 2), owners.admits('a', 2), owners.admits('c', 2)],
      ...[owners.admits('a', 1), owners.admits('b', 1)],
    ]

    expect(admitted).toEqual([true, true, true, true, false, true])
  })
})

/** An owner that a test speaks for: it grants by hand. */
class HandOwner {
  /** The first item that it gets. */
  readonly item = defer<string>()
  readonly mail: Mail

  constructor(driver: EngineDriver) {
    let links = 0
    this.mail = new Mail(
      { channel: 'o/earlier', driver, clock: systemClock, linkId: () => `earlier.${links++}` },
      { received: (_, item) => this.item.resolve(item), broken: () => {}, text: () => {} },
    )
  }
}

describe('a worker of jobs', () => {
  it('answers the grant of an earlier owner with a loss; the later one keeps the run and its texts', async () => {
    const engine = memoryEngine()
    const driver = engine.connect()
    const place = new SilentPlace()
    const hello = defer<Extract<Notice, { type: 'hello' }>>()
    await driver.listen(rootChannel('root'), (text) => {
      const notice = readNotice(text)
      if (notice?.type === 'hello') hello.resolve(notice)
    })
    const options = { registries: [], mismatch: 'fail', logger: quiet, signals: [] } as const
    const worker = startWorker(engine.connect(), options, { place })
    const earlier = new HandOwner(driver)
    await earlier.mail.open()
    const later = new JobDriver(engine.connect(), { clock: systemClock, logger: quiet })
    const facts = { id: 'a', delivery: 1, path: 'all/0', maxFrameBytes: 1_000, start: '{}' }
    const given = place.next()
    const heard: string[] = []
    const task = later.submit(
      { ...facts, code: { ...CODE, module: undefined }, root: 'root', incarnation: 1 },
      { receive: (text) => void heard.push(text), lost: ({ why }) => void heard.push(why) },
    )
    const { owner, texts } = await given
    const { from, jobs } = await hello.promise
    const grant = { ...facts, take: jobs[0]?.take ?? 0, incarnation: 0 }

    earlier.mail.to(from).put(itemOf('run', 1, grantText(grant)))
    earlier.mail.to(from).put(itemOf('text', 1, 'of the earlier owner'))
    expect(await earlier.item.promise).toBe(
      'lost\t1\t{"why":"The worker does not have its job, or has it for a later owner.","blameless":true}',
    )
    owner.receive('done')
    task.send('of the later owner')
    await flushUntil(() => heard.length > 0 && texts.length > 0)
    expect([heard, texts, place.given.length]).toEqual([['done'], ['of the later owner'], 1])
    expect(worker.metrics()).toContain('teasel_branches_granted_total 1')

    task.release()
    await flushUntil(() => engine.jobs.size === 0)
    expect(engine.jobs.size).toBe(0)
    await Promise.all([earlier.mail.close(), later.close()])
    await worker.close({ drainMs: 0 })
  })
})
