import { type Path, printPath } from '../action/context.js'
import type { Plan } from '../graph/plan.js'
import { describeValue } from '../internal/guards.js'
import type { EventType } from '../lifecycle/events.js'
import type { EventSource } from '../runtime/event-source.js'
import type { CheckpointData, DownFrame, EventData, Question, StartFrame, UpFrame } from './frames.js'
import type { JournalQuestion } from './journal-ops.js'

// Owns: what the worker of one delivery may send, and when. Its frames have passed their rules (frame-rules.ts).
// V1  A frame speaks of its branch and what is below it, never of another one: paths, senders, keys that it writes.
// V2  Steps come one by one. Questions and permits are numbered without a gap, and an answer has its question.
// V3  Events are those that were asked for, and no more chunks come than there is credit.

/** How many chunks a branch may be beyond its credit: an attempt that is tried again has one of its own. */
const BEYOND = 64
/** The same with what is below it: any number of streams may run there side by side. */
const BEYOND_DEEP = 10_000

/** A branch, as far as it tells which frames may come. */
interface Judged {
  readonly origin: EventSource
  readonly checkpoint: CheckpointData
}

type Stored = Extract<JournalQuestion, { readonly do: 'step' }>['step']
type Of<T extends UpFrame['type']> = Extract<UpFrame, { readonly type: T }>

function violation(what: string): never {
  throw new TypeError(what)
}

export class ProtocolCheck {
  readonly #plan: Plan
  readonly #key: string
  readonly #branch: Judged
  #start!: StartFrame
  #begun = false
  /** Whether any frame came. */
  #first = true
  #cancelled = false
  /** Types of events that were asked for at any time: the worker may not have seen a change yet. */
  #asked: readonly EventType[] = []
  /** The number of the last message or notice that was sent, and of the last one that the worker has seen. */
  #sent = 0
  #seen = 0
  #questions = 0
  #permits = 0
  /** Permits that it has not given back, as far as it was told of them. */
  #held: Set<number> | undefined
  /** What it was asked to cancel. */
  #below: Set<number> | undefined
  /** Its own chunks that are ahead, and all of them. */
  #own = 0
  #ahead = 0

  /** @param key its name in its map */
  constructor(plan: Plan, key: string, branch: Judged) {
    this.#plan = plan
    this.#key = key
    this.#branch = branch
  }

  /** A delivery begins. */
  begin(start: StartFrame): void {
    this.#start = start
    this.#begun = false
    this.#first = true
    this.#asked = start.hears
    this.#sent = start.messages.length
    this.#seen = 0
    this.#questions = 0
    this.#permits = 0
    this.#held = undefined
    this.#below = undefined
    this.#own = 0
    this.#ahead = 0
  }

  /** A frame was sent to the worker. */
  sent(frame: DownFrame): void {
    switch (frame.type) {
      case 'cancel':
        this.#cancelled = true
        return
      case 'hears':
        this.#asked = [...this.#asked, ...frame.types.filter((type) => !this.#asked.includes(type))]
        return
      case 'message':
      case 'noSender':
      case 'below':
        this.#sent = frame.n
        return
      case 'credit':
        this.#own = Math.max(0, this.#own - frame.n)
        this.#ahead = Math.max(0, this.#ahead - frame.n)
        return
      case 'permit':
        this.#held ??= new Set()
        this.#held.add(frame.id)
        return
      case 'cancelBelow':
      case 'postBelow':
        this.#below ??= new Set()
        this.#below.add(frame.id)
    }
  }

  /** @throws {TypeError} for a frame that may not come now */
  check(frame: UpFrame): void {
    const first = this.#first
    this.#first = false
    switch (frame.type) {
      case 'chunk':
        return this.#chunk(frame)
      case 'step':
        return this.#step(frame)
      case 'pace':
        return this.#isAhead()
      case 'started':
        if (this.#begun) violation('it began a second time')
        this.#begun = true
        return
      case 'ended':
        return this.#ended(frame)
      case 'event':
        return this.#event(frame)
      case 'log':
        return frame.at && this.#isOwn(frame.at.path, 'it logs for')
      case 'waits':
        this.#numbered(frame.n)
        for (const one of frame.waits.pending) this.#isOwn(one.path, 'it waits at')
        for (const one of frame.waits.due) this.#isOwn(one.path, 'it goes on at')
        return
      case 'cancel':
        return this.#cancel(frame)
      case 'send':
        if (frame.message.from !== this.#key) violation(`it sent a message as ${describeValue(frame.message.from)}`)
        return
      case 'ask':
        if (frame.id !== this.#questions++) violation(`its question has the number ${frame.id}`)
        return this.#question(frame.question)
      case 'acquire':
        if (!this.#start.limited) violation('it asked for a permit of a limit that it does not share')
        if (frame.id !== this.#permits++) violation(`its request for a permit has the number ${frame.id}`)
        return
      case 'withdraw':
        if (frame.id >= this.#permits) violation(`it withdrew a request for a permit that it never made: ${frame.id}`)
        this.#held?.delete(frame.id) // it was on its way
        return
      case 'release':
        if (this.#held?.delete(frame.id) !== true) violation('it gave back a permit that it never had')
        return
      case 'below':
        if (this.#below?.delete(frame.id) !== true) violation(`it answered a cancel that nobody sent: ${frame.id}`)
        return
      case 'journal':
      case 'storeLost':
        if (this.#start.store === undefined && frame.type === 'journal')
          violation('it stores, and nothing of it is stored')
        return
      case 'mismatch':
        if (!first) violation('it refused its code after it had begun')
    }
  }

  /** A path of the branch or below it (V1). */
  #isOwn(path: Path, what: string, least = 0): void {
    const own = this.#branch.origin.path
    const fits = own.every(({ map, visit, key }, i) => {
      const at = path[i]
      return at?.map === map && at.visit === visit && at.key === key
    })
    if (!fits || path.length < own.length + least) violation(`${what} "${printPath(path)}", which is not its own`)
  }

  /** The number of the last message that it has seen. */
  #numbered(n: number): void {
    if (n < this.#seen || n > this.#sent)
      violation(`it has seen the message ${n} of ${this.#sent}, after ${this.#seen}`)
    this.#seen = n
  }

  #isAskedFor(type: EventType, tracked: boolean): void {
    const { watched, tracked: asked } = this.#start
    if (tracked && !asked) violation(`it wants its event "${type}" recorded, and nobody records it`)
    if (!watched && !asked && !this.#asked.includes(type) && type !== 'progress')
      violation(`nobody asked for its event "${type}"`)
  }

  #isAhead(count = 1): void {
    this.#ahead += count
    if (this.#ahead > this.#start.credit + BEYOND_DEEP) violation('it does not wait for its readers')
  }

  #chunk({ source, sequenceId, chunks, tracked }: Of<'chunk'>): void {
    this.#isAskedFor('chunk', tracked)
    this.#nodeOf(source, 'a chunk')
    const next = this.#branch.checkpoint.sequenceId + 1
    if (sequenceId !== next) violation(`it has a chunk of the step ${sequenceId} in the step ${next}`)
    this.#own += chunks.length
    if (this.#own > this.#start.credit + BEYOND) violation('it does not wait for the reader of its chunks')
    this.#isAhead(chunks.length)
  }

  #nodeOf(name: string, what: string) {
    return this.#plan.graph.nodes.get(name) ?? violation(`it has ${what} of the unknown action ${describeValue(name)}`)
  }

  #step({ change, at, n, left }: Of<'step'>): void {
    const { checkpoint } = this.#branch
    const { graph } = this.#plan
    if (at.sequenceId !== checkpoint.sequenceId + 1)
      violation(`its step has the number ${at.sequenceId}, after ${checkpoint.sequenceId}`)
    const { name, parts, edges, errorEdges } = this.#nodeOf(at.position ?? '', 'a step')
    const { next } = at
    if (next !== undefined && ![...edges, ...errorEdges].some(({ to }) => to.name === next))
      violation(`it goes from "${name}" to ${describeValue(next)}, and no transition does`)
    const { writes } = parts
    const { schema, freeze } = graph.rules
    const loose = schema !== undefined || !freeze // a schema may fill other keys, and code may change them in place
    const may = (key: string): boolean => writes.includes(key) || (loose && isKnown(key))
    const isKnown = (key: string): boolean => graph.keys.has(key) || Object.hasOwn(checkpoint.state, key)
    for (const key of Object.keys(change.set))
      if (!may(key)) violation(`"${name}" wrote ${describeValue(key)}, which it does not declare`)
    for (const key of change.removed)
      if (!may(key)) violation(`"${name}" removed ${describeValue(key)}, which it does not declare`)
    this.#numbered(n)
    for (const one of left) if (one > n) violation(`it left the message ${one} of ${n}`)
  }

  #event({ event, tracked }: Of<'event'>): void {
    const { type, path, appId } = event
    this.#isAskedFor(type as EventType, tracked)
    if ((path === undefined) !== (appId === undefined)) violation(`its event "${type}" has half an address`)
    if (path === undefined) return this.#ownEvent(event)
    this.#isOwn(path, `its event "${type}" comes from`, 1)
    if (type === 'chunk') this.#isAhead()
  }

  #ownEvent({ type, source }: EventData): void {
    if (type === 'chunk') violation('a chunk of its own crosses as a frame of its own')
    if (type === 'run.start' || type === 'run.end') violation(`a branch has no event "${type}"`)
    if (typeof source === 'string' && source !== '') this.#nodeOf(source, `an event "${type}"`)
  }

  #cancel({ key, by, cause }: Of<'cancel'>): void {
    const bySibling = cause === 'context' && by === this.#key
    const ofItself = cause === 'app' && key === this.#key
    if (!bySibling && !ofItself) violation(`it cancels ${describeValue(key)} as ${describeValue(by)}, by "${cause}"`)
  }

  #question(question: Question): void {
    const { attempts, deep, hooks, carriesSteps } = this.#start
    switch (question.method) {
      case 'turn':
        return
      case 'journal':
        if (this.#start.store === undefined) violation('it stores, and nothing of it is stored')
        if (question.app === 0 && question.question.do === 'step') this.#stored(question.question.step)
        return
      case 'retry':
        if (attempts === 0) violation('it asks for another attempt, and has no retry')
        return
      case 'step':
        if (!deep) violation('it tells of its steps, and nobody asked')
        return this.#isOwn(question.path, 'its step is of')
      case 'carry':
        if (!carriesSteps) violation('it asks for the texts of a step, and there are none')
        return this.#isOwn(question.path, 'it asks for the texts of')
      case 'hook': {
        const { index, hook, args } = question
        if (hooks[index]?.hooks.includes(hook) !== true) violation(`it calls the interceptor ${index} for "${hook}"`)
        const path: unknown = Reflect.get(args, 'path')
        if (Array.isArray(path)) this.#isOwn(path as Path, 'its interceptor is called for')
      }
    }
  }

  /** A step that is to be stored. */
  #stored({ action, sequenceId }: Stored): void {
    const { checkpoint } = this.#branch
    this.#nodeOf(action, 'a step')
    if (sequenceId !== checkpoint.sequenceId + 1)
      violation(`its step has the number ${sequenceId}, after ${checkpoint.sequenceId}`)
  }

  #ended({ status, leaked }: Of<'ended'>): void {
    const { checkpoint, origin } = this.#branch
    if (status === 'cancelled' && !this.#cancelled) violation('it ended as cancelled, and nobody cancelled it')
    if (status === 'finished' && checkpoint.next !== undefined)
      violation(`it ended as finished, and "${checkpoint.next}" is next`)
    const own = printPath(origin.path)
    for (const { path } of leaked)
      if (path !== own && !path.startsWith(`${own}/`)) violation(`it left code at "${path}", which is not its own`)
  }
}
