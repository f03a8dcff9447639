import { createExecutor, createTaskRunner, type Executor, type TaskData, type TaskOwner } from 'teasel/executor'
import { macrotask } from '../../../src/internal/platform.js'

// Owns: an executor in this process whose worker does not send what its task runner makes: each text may be replaced, and
// so may the bytes beside it.

/** A text, and whatever is beside it. */
export interface Sent {
  readonly text: string
  readonly bytes: unknown
}
/** What becomes of a text and its bytes: those that are sent in its place. The text itself keeps its bytes. */
export type Mangle = (
  text: string,
  task: TaskData,
  index: number,
  bytes: readonly ArrayBuffer[] | undefined,
) => readonly (string | Sent)[]

interface RogueOptions {
  readonly up?: Mangle
  readonly down?: Mangle
  /** Whether its worker can be ended. Default false. */
  readonly preempt?: boolean
  readonly maxFrameBytes?: number
}

/** Turns without a text after which a branch with changed texts is given up, as a driver's own watchdog would. */
const IDLE = 60

const same: Mangle = (text) => [text]
const sentIn =
  (text: string, bytes: unknown) =>
  (one: string | Sent): Sent =>
    typeof one === 'string' ? { text: one, bytes: one === text ? bytes : undefined } : one

export function rogue({ up = same, down = same, preempt = false, maxFrameBytes }: RogueOptions): Executor {
  interface Live {
    readonly task: TaskData
    readonly owner: TaskOwner
    sent: number
    got: number
    changed: boolean
  }
  const lives = new Map<string, Live>()
  let idle = 0
  let ticking = false
  const lose = (live: Live, why: string): void => {
    if (lives.get(live.task.id) !== live) return
    lives.delete(live.task.id)
    runner.stop(live.task.id)
    live.owner.lost({ why })
  }
  const tick = (): void => {
    idle += 1
    if (idle > IDLE) for (const live of lives.values()) if (live.changed) lose(live, 'It does nothing more.')
    ticking = [...lives.values()].some(({ changed }) => changed)
    if (ticking) macrotask(tick)
  }
  const changed = (live: Live, texts: readonly (string | Sent)[], text: string): void => {
    if (texts.length === 1 && texts[0] === text) return
    live.changed = true
    if (ticking) return
    ticking = true
    macrotask(tick)
  }
  const runner = createTaskRunner({
    send(id, text, _, bytes) {
      const live = lives.get(id)
      if (live === undefined) return
      const sent = up(text, live.task, live.sent++, bytes)
      changed(live, sent, text)
      idle = 0
      for (const one of sent.map(sentIn(text, bytes)))
        macrotask(() => void (lives.get(id) === live && live.owner.receive(one.text, one.bytes as never)))
    },
    ended(id) {
      const live = lives.get(id)
      if (live !== undefined) macrotask(() => macrotask(() => lose(live, 'Its task has ended.')))
    },
  })
  const driver = {
    name: 'rogue',
    can: { closures: true, loads: false, preempt, attach: false, bytes: true },
    submit(task: TaskData, owner: TaskOwner) {
      const { id } = task
      const live: Live = { task, owner, sent: 0, got: 0, changed: false }
      lives.set(id, live)
      macrotask(() => void (lives.get(id) === live && runner.run(task)))
      return {
        send(text: string, bytes?: readonly ArrayBuffer[]) {
          const sent = down(text, task, live.got++, bytes)
          changed(live, sent, text)
          idle = 0
          for (const one of sent.map(sentIn(text, bytes)))
            macrotask(() => void (lives.get(id) === live && runner.receive(id, one.text, one.bytes as never)))
        },
        kill: (why: string) => lose(live, why),
        release() {
          if (lives.get(id) !== live) return
          lives.delete(id)
          macrotask(() => macrotask(() => void (lives.has(id) || runner.stop(id))))
        },
      }
    },
    close: () => runner.close(),
  }
  return createExecutor(driver, { ...(maxFrameBytes !== undefined && { maxFrameBytes }) })
}
