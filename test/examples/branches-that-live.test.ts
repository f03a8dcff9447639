import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { printPath } from 'teasel'
import { describe, expect, it } from 'vitest'
import { ask } from '../../examples/11-fast-and-slow.js'
import { PERIODS, planners, watch } from '../../examples/12-planners.js'
import { hedgedApplication } from '../../examples/13-hedged-calls.js'
import { jury, RANKINGS } from '../../examples/14-branches-that-argue.js'
import { createServer } from '../../examples/15-server-sent-events.js'
import type { Keys } from '../../examples/fast-and-slow/keys.js'
import { startProviders } from '../../examples/hedged-calls/providers.js'
import { viewOn } from '../../examples/planners/view.js'
import { Library } from '../../examples/research/library.js'
import { type Deferred, defer, untilAborted } from '../support/deferred.js'

const library = await Library.read()
const EASY = 'Who spoke of gold and silver money?'
const HARD = 'Which canal joins the Atlantic and the Pacific across the isthmus?'

/** Presses keys when the shown text contains a word. */
function scripted(script: Readonly<Record<string, string>>) {
  let press: (key: string) => void = () => {}
  let listening = false
  let shown = ''
  const keys: Keys = (pressed) => {
    press = pressed
    listening = true
    return () => {
      listening = false
    }
  }
  const show = (text: string): void => {
    shown += text
    for (const [word, key] of Object.entries(script)) if (text.includes(word)) press(key)
  }
  return { keys, show, shown: () => shown, listening: () => listening }
}

describe('fast and slow', () => {
  it('S-118 S-119 streams the quick answer and cancels the thorough one when the quick one suffices', async () => {
    const user = scripted({})

    const { by, read, answer } = await ask(library, EASY, user.keys, user.show)

    expect({ by, read }).toEqual({ by: 'quick', read: 0 })
    expect(answer).toContain('in gold and $628,728,071 in silver')
    expect(user.shown()).toContain('[thorough is cancelled: the quick answer says it all]')
    expect(
      user
        .shown()
        .replaceAll(/\n\[.*\]\n/g, '')
        .trim(),
    ).toBe(answer)
    expect(user.listening()).toBe(false)
  })

  it('S-120 runs the thorough one at the same time, and to its end when the quick one is unsure', async () => {
    const user = scripted({})

    const { by, read, answer } = await ask(library, HARD, user.keys, user.show)

    expect(by).toBe('thorough')
    expect(read).toBeGreaterThanOrEqual(library.passages.length)
    expect(answer).toContain('practicable route across the isthmus')
  })

  it('S-121 S-122 decides again when the user presses a key during the quick answer', async () => {
    const content = scripted({ Colombia: 'y' })
    const curious = scripted({})
    const pressedFirst: Keys = (pressed) => {
      pressed('m')
      return curious.keys(pressed)
    }

    const first = await ask(library, HARD, content.keys, content.show)
    const second = await ask(library, EASY, pressedFirst, curious.show)

    expect(first.by).toBe('quick')
    expect(content.shown()).toContain('[thorough is cancelled: the user is content]')
    expect(second.by).toBe('thorough')
  })
})

describe('planners', () => {
  const QUESTION = 'What was said of trade with China?'
  const noKeys: Keys = () => () => {}
  const atOnce = async (): Promise<void> => {}

  it('S-114 S-116 work at the same time, each on its own years', async () => {
    const thoughts: string[] = []

    const answers = await watch(planners(library, QUESTION, atOnce), noKeys, ({ agent }) => thoughts.push(agent))

    const of = (agent: string): number[] => thoughts.flatMap((one, i) => (one === agent ? [i] : []))
    const agents = Object.keys(PERIODS)
    expect(thoughts.slice(0, 3).toSorted()).toEqual(agents.toSorted())
    expect(agents.map((agent) => of(agent).length)).toEqual([5, 5, 5]) // a plan, three searches, a conclusion
    const years = Object.entries(answers ?? {}).map(([, answer]) => Number(/, (\d{4}): /.exec(answer)?.[1]))
    expect(Object.values(PERIODS).map(([from, to], i) => from <= (years[i] ?? 0) && (years[i] ?? 0) <= to)).toEqual([
      true,
      true,
      true,
    ])
    expect(answers?.['moderns']).toMatch(/trade|China/)
  })

  it('S-117 are shown while they think: a slow one delays no other', async () => {
    const thoughts: string[] = []
    const held = defer()
    let first = true
    const pause = (): Promise<void> => {
      const turn = first ? held.promise : Promise.resolve() // the first planner stops here
      first = false
      return turn
    }

    await watch(planners(library, QUESTION, pause), noKeys, ({ agent, text }) => {
      thoughts.push(agent)
      const others = thoughts.filter((one) => one !== 'founders').length
      if (text.startsWith('done') && others === 10) held.resolve()
    })

    expect(thoughts.slice(0, 11).filter((agent) => agent === 'founders')).toHaveLength(1)
    expect(thoughts.slice(11)).toEqual(['founders', 'founders', 'founders', 'founders'])
  })

  it('all end when the view is left', async () => {
    const app = planners(library, QUESTION, untilAborted) // no agent gets further than its plan
    const ends: string[] = []
    app.on('step.end', ({ path, source, status }) => ends.push(`${printPath(path)} ${source} ${status}`))
    let press: (key: string) => void = () => {}
    let released = false
    const keys: Keys = (pressed) => {
      press = pressed
      return () => {
        released = true
      }
    }

    let thoughts = 0
    const answers = await watch(app, keys, () => ++thoughts === 3 && press('q')) // all have planned

    expect({ answers, released }).toEqual({ answers: undefined, released: true })
    expect(ends).toHaveLength(4)
    expect(new Set(ends)).toEqual(
      new Set([...Object.keys(PERIODS).map((agent) => `think/${agent} plan cancelled`), ' think cancelled']),
    )
  })

  it('have one line each in a terminal, redrawn, and one line per thought elsewhere', () => {
    const [terminal, file]: [string[], string[]] = [[], []]
    const thoughts = [
      { agent: 'a', text: 'hm' },
      { agent: 'bb', text: 'so it is, as I thought' },
    ]

    for (const [screen, lines] of [
      [{ isTTY: true, columns: 12 }, terminal],
      [{}, file],
    ] as const) {
      const show = viewOn({ ...screen, write: (text) => lines.push(text) }, ['a', 'bb'])
      for (const thought of thoughts) show(thought)
    }

    expect(file).toEqual(['a   hm\n', 'bb  so it is, as I thought\n'])
    expect(terminal).toEqual(['\x1b[2Ka   hm\n\x1b[2Kbb  …\n', '\x1b[2A\x1b[2Ka   hm\n\x1b[2Kbb  so it i\n'])
  })
})

describe('hedged calls', () => {
  it('S-107 S-108 take the first good answer, and hang up on the other servers', async () => {
    const { server, url, seen } = await startProviders()

    const { state } = await hedgedApplication(url, ['overloaded', 'stuck', 'steady'], 'What for?').run()
    while (seen.length < 3) await once(server, 'seen')
    server.close()

    expect({ answer: state.answer, from: state.from }).toEqual({ answer: 'Teasels comb wool.', from: 'steady' })
    expect(new Set(seen)).toEqual(
      new Set([
        { provider: 'overloaded', end: 'refused' },
        { provider: 'steady', end: 'answered' },
        { provider: 'stuck', end: 'hung up on' },
      ]),
    )
  })

  it('fail with every answer when none is good', async () => {
    const { server, url } = await startProviders()

    const run = hedgedApplication(url, ['overloaded'], 'What for?').run()

    await expect(run).rejects.toThrow(
      `cannot settle as 'any': 1 of 1 branches failed: "overloaded". First: Action "overloaded" failed`,
    )
    server.close()
  })
})

describe('branches that argue', () => {
  it('S-106 send each other offers until all agree', async () => {
    const { state } = await jury(RANKINGS).run()

    expect({ verdict: state.verdict, rounds: state.rounds }).toEqual({ verdict: 'Ozymandias', rounds: 3 })
  })

  it('agree at once with equal preferences, and fail without a common one', async () => {
    const same = await jury({ Ada: ['A', 'B'], Ben: ['A', 'C'] }).run()

    expect({ verdict: same.state.verdict, rounds: same.state.rounds }).toEqual({ verdict: 'A', rounds: 1 })
    await expect(jury({ Ada: ['A'], Ben: ['B'] }).run()).rejects.toThrow('nothing in common')
  })
})

describe('server-sent events', () => {
  /** A server that counts `free` numbers at once, and then one on each command. */
  async function started(free: number) {
    let left = free
    const log: string[] = []
    const turns: Deferred<void>[] = []
    const ended = defer<string>()
    const app = createServer(
      {
        started: () => log.push('started'),
        cleaned: (n) => log.push(`cleaned at ${n}`),
        ended: (status) => {
          log.push(status)
          ended.resolve(status)
        },
      },
      (signal) => {
        const turn = defer()
        if (left-- > 0) turn.resolve()
        turns.push(turn)
        signal.addEventListener('abort', () => turn.reject(signal.reason), { once: true })
        return turn.promise
      },
    )
    const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const tick = (): void => turns.at(-1)?.resolve()
    return { server, url: `http://127.0.0.1:${port}`, log, tick, ended: ended.promise }
  }

  it('pass each chunk and the end to a client', async () => {
    const { server, url, log, ended } = await started(2)

    const response = await fetch(`${url}/count?to=2`)
    const text = await response.text()
    await ended
    server.close()

    expect(text.match(/^(event|data): .*$/gm)).toEqual([
      'event: count',
      'data: {"n":1}',
      'event: count',
      'data: {"n":2}',
      'event: end',
      'data: finished',
    ])
    expect(log).toEqual(['started', 'cleaned at 2', 'finished'])
  })

  it('cancel the run when the client goes', async () => {
    const { server, url, tick, log, ended } = await started(0)
    const client = new AbortController()

    const response = await fetch(`${url}/count?to=1000`, { signal: client.signal })
    const reader = response.body?.getReader()
    tick()
    await reader?.read()
    client.abort()
    await ended
    server.close()

    expect(log).toEqual(['started', 'cleaned at 1', 'The client has gone.'])
  })

  it('refuse an invalid count', async () => {
    const { server, url } = await started(0)

    const response = await fetch(`${url}/count?to=many`)
    server.close()

    expect({ status: response.status, text: await response.text() }).toEqual({
      status: 400,
      text: 'to is a whole number above 0.',
    })
  })
})
