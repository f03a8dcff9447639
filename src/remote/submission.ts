import { printPath } from '../action/context.js'
import type { Encoded } from '../codec/attached-bytes.js'
import type { CodeRef, ExecutorDriver, Loss, SubmittedTask, TaskData } from '../executor/driver.js'
import { monotonicNow } from '../internal/clock.js'
import { defined } from '../internal/defined.js'
import { messageOf } from '../internal/guards.js'
import { Deadline } from '../runtime/cancel/deadline.js'
import type { EventSource } from '../runtime/event-source.js'
import type { BranchSetup } from '../runtime/map/branch-maker.js'
import { open, seal, sealInWords } from './crossing.js'
import { assertUp } from './frame-rules.js'
import { assertFits } from './frame-size.js'
import type { CheckpointData, DownFrame, MessageData, StartFrame, UpFrame } from './frames.js'
import { ProtocolCheck } from './protocol-check.js'

// Owns: the deliveries of one branch to the driver of its executor, and the messages that it has not taken.
// Does not own: what its frames mean (remote-branch.ts), which of them may come (protocol-check.ts).
// S1  A text that comes after the end, or from an earlier delivery, has no effect.
// S2  A message belongs to the owner until the step that took it commits. What no commit took goes with the next
//     delivery.
// S3  Code that ignores its cancel is abandoned by its worker. A worker that does not answer is killed.
// S4  A worker that sends what it may not is ended, and nothing more of it is read. That is told with the path of its
//     branch, which is delivered again as after any loss.

/** How long a worker has to abandon code that ignores its cancel, before it is killed, milliseconds. */
const ANSWER_MS = 100

/** A message that was sent to a branch, with its number. */
interface SentMessage {
  readonly n: number
  readonly data: MessageData
}

/** A branch, as its submission uses it. */
interface SubmittedBranch {
  readonly status: 'made' | 'running' | 'ended'
  readonly origin: EventSource
  /** Undefined where it is not stored. */
  readonly journal:
    | {
        readonly inbox: { readonly waiting: readonly { readonly id: number }[] }
        readonly scope: { readonly incarnation: number; readonly settings: { readonly partitionKey: string | null } }
      }
    | undefined
  readonly checkpoint: CheckpointData
  receive(frame: UpFrame): void
  lost(loss: Loss): void
}

/** Where it goes. */
interface Place {
  readonly driver: ExecutorDriver
  /** The most that a frame may take as text. */
  readonly maxFrameBytes: number
}

export class Submission {
  readonly #driver: ExecutorDriver
  readonly #branch: SubmittedBranch
  readonly #code: CodeRef
  readonly #protocol: ProtocolCheck
  readonly #maxBytes: number
  /** Whether its driver carries bytes beside texts. */
  readonly #carriesBytes: boolean
  /** The delivery whose worker broke the protocol. */
  #broken = 0
  #mail: SentMessage[] = []
  #task: SubmittedTask | undefined
  #paused = false
  #waits = false
  /** The number of questions to its worker. */
  #asked = 0
  #killing: Deadline | undefined
  #losses = 0
  /** The number of the last message, or notice, that was sent. */
  n = 0
  /** The number of deliveries. */
  deliveries = 0
  /** The delivery whose worker lives; 0 while there is none. */
  #live = 0
  #printed: string | undefined

  constructor({ driver, maxFrameBytes }: Place, branch: SubmittedBranch, code: CodeRef, { plan, task }: BranchSetup) {
    this.#driver = driver
    this.#branch = branch
    this.#code = code
    this.#protocol = new ProtocolCheck(plan, task.key, branch)
    this.#maxBytes = maxFrameBytes
    this.#carriesBytes = driver.can.bytes === true
  }

  /** Its printed path, for messages. */
  get #name(): string {
    this.#printed ??= printPath(this.#branch.origin.path)
    return this.#printed
  }

  /**
   * Stable where a task outlives its owner, which finds it again in its store; elsewhere two trees with the same ids may
   * run in one process. Texts of a worker that broke the protocol may be under way: they are not those of the next
   * delivery.
   */
  get #id(): string {
    const { origin, journal } = this.#branch
    const { runId } = origin.system
    if (!this.#driver.can.attach)
      return `${runId}/${origin.parent?.app.appId ?? ''}/${this.#name}${this.#broken === 0 ? '' : `~${this.#broken}`}`
    if (journal !== undefined) return this.#inPartition(origin.appId)
    return `${runId}/${origin.appId}${this.#broken === 0 ? '' : `~${this.#broken}`}`
  }

  #inPartition(id: string): string {
    const partitionKey = this.#branch.journal?.scope.settings.partitionKey
    return partitionKey == null ? id : `${partitionKey}/${id}`
  }

  /** Messages that came before it was made. */
  adopt(messages: readonly MessageData[]): void {
    this.#mail = [...messages.map((data) => ({ n: 0, data })), ...this.#mail]
  }

  /**
   * Hands the branch to the driver.
   * @param startOf the first frame, from the messages that no commit has taken
   * @throws {SerializationError} for a value that is no data
   */
  deliver(startOf: (messages: readonly MessageData[]) => StartFrame): void {
    this.deliveries += 1
    const delivery = this.deliveries
    this.#live = delivery
    const isPast = (): boolean => this.#branch.status !== 'running' || delivery !== this.#live // S1
    if (this.#mail.length > 0) this.#numberAnew()
    this.n = this.#mail.length
    this.#paused = this.#waits = false
    this.#asked = 0
    const frame = startOf(this.#mail.map(({ data }) => data))
    const { text: start, bytes } = this.#sealed(frame)
    this.#protocol.begin(frame)
    const root = this.#inPartition(topOf(this.#branch.origin).appId)
    const facts = { code: this.#code, path: this.#name, maxFrameBytes: this.#maxBytes, root }
    const incarnation = this.#branch.journal?.scope.incarnation
    const task: TaskData = {
      id: this.#id,
      delivery,
      ...facts,
      ...defined({ incarnation }),
      start,
      ...(this.#carriesBytes && { bytes: bytes ?? [] }),
    }
    this.#task = this.#driver.submit(task, {
      receive: (text, attached) =>
        void (isPast() || this.#broken === delivery || this.#read({ text, bytes: attached })),
      lost: (loss) => void (isPast() || this.#branch.lost(loss)),
    })
  }

  /** The next delivery counts its messages from 1. Those of the store come from there. */
  #numberAnew(): void {
    const stored = new Set(this.#branch.journal?.inbox.waiting.map(({ id }) => id))
    const left = this.#mail.filter(({ data: { id } }) => id === undefined || !stored.has(id))
    this.#mail = left.map(({ data }, i) => ({ n: i + 1, data }))
  }

  #read(encoded: Encoded): void {
    try {
      const frame = open(encoded, this.#maxBytes)
      assertUp(frame)
      this.#protocol.check(frame)
      this.#branch.receive(frame)
    } catch (error) {
      this.refuse(error)
    }
  }

  /** Its worker breaks the protocol: it is ended, and nothing of it is read any more (S4). */
  refuse(error: unknown): void {
    const why = `The worker of "${this.#name}" sent what cannot be followed: ${messageOf(error)}`
    this.#branch.origin.system.logger.error(why, error)
    if (this.#branch.status !== 'running' || this.#live === 0) return
    this.#broken = this.deliveries
    const task = this.#task
    if (this.#driver.can.preempt && task?.kill !== undefined) return task.kill(why)
    task?.send(seal({ type: 'stop' }, false).text)
    task?.release()
    this.#branch.lost({ why })
  }

  /** @throws {SerializationError} for a value that is no data @throws {RangeError} for more than a frame takes */
  #sealed(frame: DownFrame): Encoded {
    const encoded = seal(frame, this.#carriesBytes)
    assertFits(encoded, this.#maxBytes)
    return encoded
  }

  /** @throws {SerializationError} for a value that is no data @throws {RangeError} for more than a frame takes */
  send(frame: DownFrame): void {
    if (this.#branch.status !== 'running') return
    const { text, bytes } = this.#sealed(frame)
    this.#protocol.sent(frame)
    this.#task?.send(text, bytes)
  }

  /** The same, with words in place of what is no data. */
  sendInWords(frame: DownFrame): void {
    if (this.#branch.status !== 'running') return
    this.#protocol.sent(frame)
    const { text, bytes } = sealInWords(frame, this.#carriesBytes)
    this.#task?.send(text, bytes)
  }

  /** Sends a numbered notice, with words in place of what is no data. */
  notify(frameOf: (n: number) => DownFrame): void {
    this.n += 1
    this.sendInWords(frameOf(this.n))
  }

  /** Sends a message, or keeps it until the branch begins. @throws {SerializationError} for a body that is no data */
  post(data: MessageData): void {
    if (this.#branch.status === 'running') this.send({ type: 'message', n: this.n + 1, message: data })
    this.n += 1
    this.#mail.push({ n: this.n, data })
  }

  /** A step has committed. @param n the last message that it had seen @param left those that no commit has taken */
  committed(n: number, left: readonly number[]): void {
    if (this.#mail.length > 0) this.#mail = this.#mail.filter((one) => one.n > n || left.includes(one.n)) // S2
  }

  /** It waits: its slot is free meanwhile. */
  pause(): void {
    if (this.#paused) return
    this.#paused = true
    this.#task?.pause?.()
  }

  /** @param waits whether it waits for messages only */
  waiting(waits: boolean): void {
    this.#waits = waits
    this.#hold()
  }

  /** Its worker is asked something, or has answered. @param by 1 or -1 */
  asked(by: number): void {
    this.#asked += by
    this.#hold()
  }

  #hold(): void {
    this.#task?.hold?.(!this.#waits || this.#asked > 0)
  }

  /** @returns a promise until it has a slot again; undefined where it has one */
  resume(): Promise<void> | undefined {
    if (!this.#paused) return undefined
    this.#paused = false
    return this.#task?.resume?.()
  }

  abandon(): void {
    this.send({ type: 'abandon' })
    const { system } = this.#branch.origin
    if (!this.#driver.can.preempt || this.#killing !== undefined || this.#branch.status !== 'running') return
    const kill = (): void => this.#task?.kill?.(`The branch "${this.#name}" ignored its cancel.`)
    this.#killing = new Deadline(system.clock, monotonicNow(system.clock) + ANSWER_MS, kill) // S3
  }

  /** It was cancelled: a driver that has not begun it leaves it out. */
  withdraw(): void {
    this.#task?.withdraw?.()
  }

  /** Its worker is lost. @returns how many deliveries were lost that count */
  lost({ blameless }: Loss): number {
    this.#live = 0
    this.#task = undefined
    if (blameless !== true) this.#losses += 1
    return this.#losses
  }

  /** It has left code behind: its worker takes no more tasks. */
  retire(): void {
    this.#task?.retire?.()
  }

  /** It has ended. */
  release(): void {
    this.#killing?.clear()
    this.#task?.release()
    this.#task = undefined
  }
}

/** The root of a branch; in a worker, which has no root, the branch that it runs. */
function topOf(origin: EventSource): EventSource {
  let top = origin
  while (top.parent !== undefined && top.parent.app.appId !== '') top = top.parent.app
  return top
}
