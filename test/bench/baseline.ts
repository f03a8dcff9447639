import {
  type ActorLogic,
  type AnyActorLogic,
  type AnyActorRef,
  assign,
  createActor,
  fromPromise,
  type Snapshot,
  setup,
} from 'xstate'

// The cost of equal programs without Teasel. Imports nothing of `src/`.

/** Awaits a function, `count` times. */
export async function awaitLoop(count: number, fn: (n: number) => number | Promise<number>): Promise<number> {
  let n = 0
  for (let i = 0; i < count; i++) n = await fn(n)
  return n
}

type ParentEvent = { readonly type: string; readonly actorId?: string; readonly output?: number }
type ParentSnapshot = Snapshot<number> & { readonly left: number }
type Ready = () => Promise<void>
type ParentInput = {
  readonly count: number
  readonly window: number
  readonly child: AnyActorLogic
  readonly ended: (sum: number) => void
}

/** Children below a bare actor logic, at most `window` at once: a fan-out with XState alone. */
function fanOutLogic({ count, window, child, ended }: ParentInput): ActorLogic<ParentSnapshot, ParentEvent> {
  const live = new Map<string, AnyActorRef>()
  let next = 0
  let settled = 0
  let sum = 0
  const start = (self: AnyActorRef): void => {
    while (live.size < window && next < count) {
      const id = String(next)
      const options: object = { id, input: next++, parent: self }
      const actor = createActor(child, options)
      live.set(id, actor)
      actor.start()
    }
  }
  return {
    getInitialSnapshot: () => ({ status: 'active', output: undefined, error: undefined, left: count }),
    start: (_, { self }) => start(self),
    transition(snapshot, event, { self, defer }) {
      if (!event.type.startsWith('xstate.done.actor.')) return snapshot
      live.delete(event.actorId ?? '')
      settled += 1
      sum += event.output ?? 0
      if (settled === count) {
        ended(sum)
        return { ...snapshot, status: 'done', output: sum, error: undefined, left: 0 }
      }
      defer(() => start(self))
      return { ...snapshot, left: count - settled }
    },
    getPersistedSnapshot: (snapshot) => snapshot,
  }
}

/** Runs `count` one-promise children, and returns the sum of their results. */
export function fanOut(count: number, window = 64, ready: Ready = () => Promise.resolve()): Promise<number> {
  const child = fromPromise<number, number>(async ({ input }) => {
    await ready()
    return input + 1
  })
  return new Promise((ended) => {
    createActor(fanOutLogic({ count, window, child, ended })).start()
  })
}

interface Kilobyte {
  readonly n: number
  readonly text: string
}

const stepOfMachine = fromPromise<Kilobyte, Kilobyte>(async ({ input }) => ({ ...input, n: input.n + 1 }))

/** A machine that invokes two promises, one after the other, on a kilobyte of context. */
const twoSteps = setup({
  types: {} as { context: Kilobyte; input: number; output: number },
  actors: { step: stepOfMachine },
}).createMachine({
  context: ({ input }) => ({ n: input, text: 'x'.repeat(1_000) }),
  initial: 'first',
  states: {
    first: {
      invoke: {
        src: 'step',
        input: ({ context }) => context,
        onDone: { target: 'second', actions: assign(({ event }) => event.output) },
      },
    },
    second: {
      invoke: {
        src: 'step',
        input: ({ context }) => context,
        onDone: { target: 'done', actions: assign(({ event }) => event.output) },
      },
    },
    done: { type: 'final' },
  },
  output: ({ context }) => context.n,
})

/** The reference of executors: `count` sub-applications of two steps on a kilobyte, as XState machines. */
export function machines(count: number, window = 64): Promise<number> {
  return new Promise((ended) => {
    createActor(fanOutLogic({ count, window, child: twoSteps, ended })).start()
  })
}

/** A barrier: a promise that resolves when `count` callers have come. */
export function gate(count: number): Ready {
  let come = 0
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return () => {
    come += 1
    if (come === count) open()
    return opened
  }
}

/** Starts `count` promise actors that each wait for a letter; returns a function that ends them. */
export async function waitingActors(count: number): Promise<() => void> {
  const letters: ((n: number) => void)[] = []
  const letter = () => new Promise<number>((resolve) => void letters.push(resolve))
  const child = fromPromise<number>(async () => (await letter()) + 1)
  const parent = createActor(fromPromise(letter))
  const actors = Array.from({ length: count }, (_, n) => {
    const options: object = { id: String(n), parent }
    return createActor(child, options).start()
  })
  await Promise.resolve()
  return () => {
    for (const give of letters.splice(0)) give(actors.length)
  }
}

/** Aborts `count` controllers with one listener each. */
export function abortAll(count: number): { readonly abort: () => number } {
  let fired = 0
  const controllers = Array.from({ length: count }, () => {
    const controller = new AbortController()
    controller.signal.addEventListener('abort', () => {
      fired += 1
    })
    return controller
  })
  return {
    abort() {
      for (const controller of controllers) controller.abort('enough')
      return fired
    },
  }
}

/** Merges generators through an unbounded queue, one reader, as by hand. */
export async function mergeByHand(generators: readonly AsyncGenerator<unknown>[]): Promise<number> {
  const queue: unknown[] = []
  let wake = (): void => {}
  let left = generators.length
  for (const generator of generators) {
    void (async () => {
      for await (const value of generator) {
        queue.push(value)
        wake()
      }
      left -= 1
      wake()
    })()
  }
  let read = 0
  for (;;) {
    for (const value of queue.splice(0)) if (value !== undefined) read += 1
    if (left === 0 && queue.length === 0) return read
    if (queue.length > 0) continue
    await new Promise<void>((resolve) => {
      wake = resolve
    })
  }
}

/** A generator of `chunks` values, one macrotask before each. */
export async function* bareProducer(chunks: number): AsyncGenerator<number> {
  for (let i = 0; i < chunks; i++) {
    await new Promise<void>((resolve) => setImmediate(resolve))
    yield i
  }
}

/** Two timers; the first one wins and the other one is cleared. */
export async function raceByHand(quickMs: number, slowMs: number): Promise<number> {
  const controller = new AbortController()
  const wait = (ms: number): Promise<number> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => resolve(ms), ms)
      controller.signal.addEventListener('abort', () => {
        clearTimeout(timer)
        reject(controller.signal.reason)
      })
    })
  const both = [wait(quickMs), wait(slowMs)]
  const first = await Promise.any(both)
  controller.abort('settled')
  await Promise.allSettled(both)
  return first
}
