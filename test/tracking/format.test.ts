import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type AnyEvent, createApplication, defineState, systemClock, type TrackedRun, type Tracker } from 'teasel'
import { encodeEvent, type WireEvent } from 'teasel/codec'
import { type FileReader, fileReader, fileTracker } from 'teasel/tracking/file'
import { describe, expect, it } from 'vitest'
import { filesIn, folder, linesOf } from './folders.js'
import { runLogged } from './logged-program.js'

/** A tracker that also keeps the events. */
function twice(tracker: Tracker): Tracker & { readonly events: AnyEvent[] } {
  const events: AnyEvent[] = []
  return {
    events,
    begin: (run: TrackedRun) => tracker.begin?.(run),
    track(event) {
      events.push(event)
      tracker.track(event)
    },
  }
}

async function eventsOf(reader: FileReader, runId = 'run-1') {
  const found = []
  for await (const event of reader.events({ runId, follow: false })) found.push(event)
  return found
}

/** An event without the id of its run, and a chunk without its time: between merged ones it is a guess. */
const bare = ({ runId: _, ...rest }: WireEvent) => (rest.type === 'chunk' ? { ...rest, time: 0 } : rest)

/** A line without what differs between two runs of the same program. */
function plain(line: Record<string, unknown>): string {
  const text = JSON.stringify(line, (name, value: unknown) => {
    if (name === 'stack') return undefined
    if (name === 'worker') return { id: 'w' }
    // Which branch begins first is a matter of the machine.
    if (name === 'seq') return Array.isArray(value) ? ['n', 'm'] : 'n'
    if (name === 'queued') return ['n', 1]
    if (typeof value === 'number' && value > 1_000_000_000) return 1
    return name === 'durationMs' || name === 'delayMs' ? 1 : value
  })
  return text.replaceAll(/[a-z2-7]{52}/g, (id) => `${id.slice(0, 4)}…`)
}
const numberOf = ({ app = -1 }: Record<string, unknown>): number => Number(app)

describe('the log of a run', () => {
  it('has the lines of its format', async () => {
    const dir = folder()
    await using tracker = fileTracker({ dir })
    // By a clock that stands no chunk comes a tenth of a second after another, however slow the machine is.
    await runLogged(tracker, undefined, { clock: { ...systemClock, now: () => 1_795_901_664_466 } })

    const lines = linesOf(dir)
    const byApp = [...lines].sort((a, b) => numberOf(a) - numberOf(b)).map(plain)
    expect(byApp).toMatchInlineSnapshot(`
      [
        "{"type":"head","v":1,"runId":"run-1","partitionKey":null,"incarnation":0,"part":0,"time":1,"epoch":0,"graph":"z333…","worker":{"id":"w"},"sequenceId":-1,"next":"plan","state":{"topic":"teasels"}}",
        "{"type":"app","app":0,"appId":"run-1","path":[]}",
        "{"type":"run.start","seq":"n","time":1,"app":0,"next":"plan"}",
        "{"type":"step.start","seq":"n","time":1,"app":0,"source":"plan","attempt":1,"sequenceId":0}",
        "{"type":"transition","seq":"n","time":1,"app":0,"source":"plan","to":"fan","condition":"default","onError":false,"sequenceId":0}",
        "{"type":"step.end","seq":"n","time":1,"app":0,"source":"plan","status":"done","attempt":1,"recovered":false,"durationMs":1,"sequenceId":0,"update":["draft","when","n"],"patch":["{",{"draft":["=","About teasels"],"when":["=",{"$":"date","v":0}],"n":["=",{"$":"bigint","v":"7"}]},[]],"base":0}",
        "{"type":"step.start","seq":"n","time":1,"app":0,"source":"fan","attempt":1,"sequenceId":1}",
        "{"type":"map.start","seq":"n","time":1,"app":0,"kind":"actions","policy":"'collect'","concurrency":64,"source":"fan","visit":1,"total":3,"sequenceId":1}",
        "{"type":"map.end","seq":"n","time":1,"app":0,"source":"fan","done":2,"failed":0,"cancelled":1,"sequenceId":1}",
        "{"type":"reduce","seq":"n","time":1,"app":0,"source":"fan","results":3,"sequenceId":1}",
        "{"type":"step.end","seq":"n","time":1,"app":0,"source":"fan","status":"done","attempt":1,"recovered":false,"durationMs":1,"sequenceId":1,"update":["report"],"state":{"topic":"teasels","draft":"About teasels","when":{"$":"date","v":0},"n":{"$":"bigint","v":"7"},"report":"write done, slow cancelled, review done"}}",
        "{"type":"run.end","seq":"n","time":1,"app":0,"status":"finished"}",
        "{"type":"app","app":1,"appId":"l3fo…","path":[["fan",1,"write"]]}",
        "{"type":"branch.start","seq":"n","time":1,"app":1,"source":"fan","key":"write","index":0,"sequenceId":1,"queued":["n",1]}",
        "{"type":"step.start","seq":"n","time":1,"app":1,"source":"write","attempt":1,"sequenceId":0}",
        "{"type":"chunks","seq":["n","m"],"time":[1,1],"app":1,"source":"write","sequenceId":0,"n":3,"text":"Teasels comb fibres","cut":[8,5,6]}",
        "{"type":"step.end","seq":"n","time":1,"app":1,"source":"write","status":"done","attempt":1,"recovered":false,"durationMs":1,"sequenceId":0,"update":["report"],"state":{"draft":"About teasels","report":"Teasels comb fibres"}}",
        "{"type":"branch.settled","seq":"n","time":1,"app":1,"source":"fan","key":"write","index":0,"status":"done","result":{"inputs":{},"attempts":1,"startedAt":1,"endedAt":1,"recovered":false},"durationMs":1,"sequenceId":1}",
        "{"type":"app","app":2,"appId":"7y2a…","path":[["fan",1,"slow"]]}",
        "{"type":"branch.start","seq":"n","time":1,"app":2,"source":"fan","key":"slow","index":1,"sequenceId":1,"queued":["n",1]}",
        "{"type":"step.start","seq":"n","time":1,"app":2,"source":"slow","attempt":1,"sequenceId":0}",
        "{"type":"cancel","seq":"n","time":1,"app":2,"reason":"write was first","by":"watch","cause":"watch"}",
        "{"type":"step.end","seq":"n","time":1,"app":2,"source":"slow","status":"cancelled","error":"write was first","attempt":1,"durationMs":1,"sequenceId":0}",
        "{"type":"branch.settled","seq":"n","time":1,"app":2,"source":"fan","key":"slow","index":1,"status":"cancelled","result":{"inputs":{},"attempts":1,"startedAt":1,"endedAt":1,"reason":"write was first","by":"watch"},"durationMs":1,"sequenceId":1,"state":{"draft":"About teasels"}}",
        "{"type":"app","app":3,"appId":"mds3…","path":[["fan",1,"review"]]}",
        "{"type":"branch.start","seq":"n","time":1,"app":3,"source":"fan","key":"review","index":2,"sequenceId":1,"queued":["n",1]}",
        "{"type":"step.start","seq":"n","time":1,"app":3,"source":"review","attempt":1,"sequenceId":0}",
        "{"type":"step.end","seq":"n","time":1,"app":3,"source":"review","status":"failed","error":{"$":"error","name":"ActionError","message":"Action \\"review\\" failed (step 0, attempt 1 of 2, branch fan/review): busy","props":[["cause",{"$":"error","name":"RangeError","message":"busy","props":[]}],["code","action"],["action","review"],["sequenceId",0],["path","fan/review"],["attempt",1]],"ours":true},"attempt":1,"durationMs":1,"sequenceId":0}",
        "{"type":"retry","seq":"n","time":1,"app":3,"level":"action","source":"review","attempt":2,"delayMs":1,"error":{"$":"same","seq":"n"},"at":1,"sequenceId":0}",
        "{"type":"step.start","seq":"n","time":1,"app":3,"source":"review","attempt":2,"sequenceId":0}",
        "{"type":"wait","seq":"n","time":1,"app":3,"source":"review","id":"mds3….0.0","kinds":["verdict"],"from":"outside","since":1,"ask":{"of":"draft"},"sequenceId":0}",
        "{"type":"wake","seq":"n","time":1,"app":3,"source":"review","id":"mds3….0.0","kinds":["verdict"],"from":"outside","message":{"kind":"verdict","from":"","body":"yes"},"durationMs":1,"sequenceId":0}",
        "{"type":"message","seq":"n","time":1,"app":3,"source":"review","message":{"kind":"verdict","from":"","body":"yes"},"to":"fan/review","delivery":"delivered","sequenceId":0}",
        "{"type":"step.end","seq":"n","time":1,"app":3,"source":"review","status":"done","attempt":2,"recovered":false,"durationMs":1,"sequenceId":0,"update":["report"],"state":{"draft":"About teasels","report":"yes"}}",
        "{"type":"branch.settled","seq":"n","time":1,"app":3,"source":"fan","key":"review","index":2,"status":"done","result":{"inputs":{},"attempts":1,"startedAt":1,"endedAt":1,"recovered":false},"durationMs":1,"sequenceId":1}",
      ]
    `)
    for (const { app } of lines) {
      const first = lines.find((line) => line['app'] === app)
      if (app !== undefined) expect(first).toMatchObject({ type: 'app' })
    }
  })

  it('gives back the events that its tracker got', async () => {
    const dir = folder()
    await using tracker = fileTracker({ dir })
    const both = twice(tracker)
    await runLogged(both)

    const read = await eventsOf(fileReader({ dir }))
    expect(read.map(bare)).toEqual(both.events.map((event) => bare(encodeEvent(event))))
    const half = read[Math.floor(read.length / 2)]
    const rest = []
    for await (const event of fileReader({ dir }).events({ runId: 'run-1', after: `0.${half?.seq}` })) rest.push(event)
    expect(rest).toEqual(read.slice(read.indexOf(half as never) + 1))
    const chunks = []
    for await (const event of fileReader({ dir }).events({ runId: 'run-1', types: ['chunk'] }))
      chunks.push(event['chunk'])
    expect(chunks).toEqual(['Teasels ', 'comb ', 'fibres'])
  })

  it('is read at every length as a consistent beginning', async () => {
    const dir = folder()
    const kit = defineState<{ n: number; text: string }>()
    const add = kit.action({
      reads: ['n'],
      writes: ['n', 'text'],
      async *run({ state: { n } }) {
        yield 'é'
        return { n: n + 1, text: `${n} ✓` }
      },
    })
    const graph = kit.graph({
      actions: { add },
      transitions: { add: [{ to: 'add', when: ({ state: { n } }) => n < 2 }] },
    })
    await using tracker = fileTracker({ dir })
    await createApplication(graph, { appId: 'run-1', entrypoint: 'add', state: { n: 0 }, tracker }).run()

    const whole = Buffer.from(filesIn(dir).get('default/runs/run-1.0.0.jsonl') ?? '')
    const events = await eventsOf(fileReader({ dir }))
    const { items: steps } = await fileReader({ dir }).steps({ runId: 'run-1' })
    expect([steps.length, events.length]).toEqual([3, 9])
    const other = folder()
    const reader = fileReader({ dir: other })
    await createApplication(graph, {
      appId: 'run-1',
      entrypoint: 'add',
      state: { n: 1 },
      tracker: fileTracker({ dir: other }),
    }).run()
    const path = join(other, 'default/runs/run-1.0.0.jsonl')
    let known = 0
    for (let length = 0; length <= whole.length; length++) {
      writeFileSync(path, whole.subarray(0, length))
      const read = await eventsOf(fileReader({ dir: other }))
      expect(read).toEqual(events.slice(0, read.length))
      expect(read.length).toBeGreaterThanOrEqual(known)
      known = read.length
      const { items } = await reader.steps({ runId: 'run-1' })
      const ended = items.filter(({ status }) => status === 'done')
      expect(ended).toEqual(steps.slice(0, ended.length))
      const tree = await fileReader({ dir: other }).describe({ runId: 'run-1' })
      expect(tree?.root.sequenceId).toBe(tree && (ended.at(-1)?.sequenceId ?? -1))
      expect(tree?.lacks.some((one) => one.startsWith('a broken line'))).not.toBe(true)
    }
    expect(known).toBe(events.length)
  })

  it('passes on what it does not know', async () => {
    const dir = folder()
    await using tracker = fileTracker({ dir })
    await runLogged(tracker)
    const path = join(dir, 'default/runs/run-1.0.0.jsonl')
    const lines = (filesIn(dir).get('default/runs/run-1.0.0.jsonl') ?? '').split('\n')
    const strange = { type: 'later', seq: 35, time: 1, app: 0, source: 'plan', more: { $: 'later' } }
    writeFileSync(path, [...lines.slice(0, -1), JSON.stringify(strange), ''].join('\n'))
    const event = (await eventsOf(fileReader({ dir }))).at(-1)
    expect(event).toMatchObject({ type: 'later', more: { $: 'later' }, appId: 'run-1' })
    expect((await fileReader({ dir }).describe({ runId: 'run-1' }))?.run.status).toBe('finished')
  })

  it('tells that a log is of a later version, and reads what it knows', async () => {
    const dir = folder()
    await using tracker = fileTracker({ dir })
    await runLogged(tracker)
    const path = join(dir, 'default/runs/run-1.0.0.jsonl')
    const text = filesIn(dir).get('default/runs/run-1.0.0.jsonl') ?? ''
    writeFileSync(path, text.replace('"v":1,', '"v":7,'))

    const tree = await fileReader({ dir }).describe({ runId: 'run-1' })
    expect(tree?.lacks).toContain('facts of version 7 of logs, of which this reads version 1')
    expect(tree?.run.status).toBe('finished')
  })

  it('is damaged where the time of its beginning is no number', async () => {
    const dir = folder()
    await using tracker = fileTracker({ dir })
    await runLogged(tracker)
    const path = join(dir, 'default/runs/run-1.0.0.jsonl')
    const text = filesIn(dir).get('default/runs/run-1.0.0.jsonl') ?? ''
    for (const name of ['createdAt', 'startedAt']) {
      writeFileSync(path, text.replace('"v":1,', `"v":1,"${name}":"x",`))
      await expect(fileReader({ dir }).describe({ runId: 'run-1' })).rejects.toMatchObject({ systemCode: 'EBADMSG' })
    }
  })

  it('names a line that is broken in the middle, and reads the others', async () => {
    const dir = folder()
    await using tracker = fileTracker({ dir })
    await runLogged(tracker)
    const path = join(dir, 'default/runs/run-1.0.0.jsonl')
    const lines = (filesIn(dir).get('default/runs/run-1.0.0.jsonl') ?? '').split('\n')
    const broken = [...lines.slice(0, 4), '{"type":"step.e', ...lines.slice(4)]
    writeFileSync(path, broken.join('\n'))

    const tree = await fileReader({ dir }).describe({ runId: 'run-1' })
    const at = Buffer.byteLength(lines.slice(0, 4).join('\n')) + 1
    expect(tree?.lacks).toContain(`a broken line in run-1.0.0.jsonl at byte ${at}`)
    expect(tree?.run.status).toBe('finished')
  })
})
