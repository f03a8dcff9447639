import { createApplication } from 'teasel'
import { chat } from './chat.js'
import { type Deferred, defer } from './deferred.js'

/** A tap: a branch yields each text poured into it, and ends with `end`. */
class Tap {
  readonly #next: Deferred<string | undefined>[] = [defer()]
  #poured = 0
  #taken = 0

  pour(text: string | undefined): void {
    this.#next.push(defer())
    this.#next[this.#poured++]?.resolve(text)
  }

  end(): void {
    this.pour(undefined)
  }

  take(): Promise<string | undefined> {
    return this.#next[this.#taken++]?.promise ?? Promise.resolve(undefined)
  }
}

/** An application whose branches `a` and `b` yield the texts of their taps, then a last action. */
export function pouring(options: object = {}) {
  const taps = { a: new Tap(), b: new Tap() }
  const cleaned: string[] = []
  const pour = (name: 'a' | 'b') =>
    chat.action({
      reads: ['prompt'],
      writes: ['answer'],
      async *run({ signal }) {
        let answer = ''
        const stopped = defer<undefined>()
        signal.addEventListener('abort', () => stopped.resolve(undefined))
        try {
          for (;;) {
            const text = await Promise.race([taps[name].take(), stopped.promise])
            if (text === undefined) return { answer }
            answer += text
            yield text
          }
        } finally {
          cleaned.push(name)
        }
      },
    })
  const both = chat.mapActions({
    reads: ['prompt'],
    writes: ['answers'],
    settle: 'collect',
    actions: { a: pour('a'), b: pour('b') },
    reduce: ({ branches: { a, b } }) => ({
      answers: {
        a: a.status === 'done' ? a.state.answer : a.status,
        b: b.status === 'done' ? b.state.answer : b.status,
      },
    }),
  })
  const last = chat.action({ reads: ['prompt'], writes: ['verdict'], run: () => ({ verdict: 'read' }) })
  const graph = chat.graph({ actions: { both, last }, transitions: { both: 'last' } })
  const app = createApplication(graph, { entrypoint: 'both', state: { prompt: 'p' }, ...options })
  return { app, taps, cleaned }
}

/** An application of one action that yields 0, 1, 2 … up to `most`, and counts its chunks. */
export function counting(most: number, options: object = {}) {
  const tally = { made: 0, cleaned: 0 }
  const count = chat.action({
    reads: [],
    writes: ['n'],
    async *run() {
      try {
        for (; tally.made < most; ) yield tally.made++
        return { n: tally.made }
      } finally {
        tally.cleaned += 1
      }
    },
  })
  const app = createApplication(chat.graph({ actions: { count } }), { entrypoint: 'count', state: {}, ...options })
  return { app, tally }
}
