import type { UIMessage } from 'ai'
import { createApplication } from 'teasel'
import { memoryPersister } from 'teasel/persistence'
import { describe, expect, it } from 'vitest'
import { advance, decide } from '../../examples/18-approvals.js'
import { quotesFor } from '../../examples/19-budget.js'
import { askTools } from '../../examples/20-stuck-tools.js'
import { showQuote } from '../../examples/21-react.js'
import { inspected } from '../../examples/22-inspector.js'
import { raced, raceGraph, sayingModel } from '../../examples/28-model-race.js'
import { addresses } from '../../examples/addresses.js'

describe('approvals', () => {
  it('wait in the store for both people, in any order, and pay once', async () => {
    const persister = memoryPersister()

    const asked = await advance(persister, 'expense', 120)
    const one = await decide(persister, 'expense', 'review/finance', true)
    const again = await advance(persister, 'expense')
    const both = await decide(persister, 'expense', 'review/lead', true)

    expect(asked.open).toEqual(['review/lead', 'review/finance'])
    expect([one.open, again.open]).toEqual([['review/lead'], ['review/lead']])
    expect(both).toEqual({ open: [], receipt: 'paid 120' })
  })

  it('do not pay when one refuses', async () => {
    const persister = memoryPersister()
    await advance(persister, 'expense', 900)
    await decide(persister, 'expense', 'review/lead', false)

    const both = await decide(persister, 'expense', 'review/finance', true)

    expect(both.receipt).toBe('kept 900')
  })
})

describe('a budget', () => {
  it('ends a map when it is spent, and keeps the quotes so far', async () => {
    const small = await quotesFor('liberty', 20_000)
    const large = await quotesFor('liberty', 100_000_000)

    expect(small.all).toBe(addresses.length)
    expect(small.read).toBeLessThan(20)
    expect(large.read).toBe(addresses.length)
    expect(large.quotes.slice(0, small.quotes.length)).toEqual(small.quotes)
    expect(small.quotes.length).toBeGreaterThan(0)
  })
})

describe('stuck tools', () => {
  it('are retried, timed out or abandoned, and each is reported', async () => {
    const { report, events } = await askTools('Why?')

    expect(report).toEqual({
      flaky: 'Why?: found at attempt 3',
      slow: 'no answer in time',
      deaf: 'failed: TimeoutError: Action "deaf" took longer than 50 ms.',
    })
    expect(events.toSorted()).toEqual([
      'useTools/deaf: still running, abandoned',
      'useTools/flaky: attempt 2 begins',
      'useTools/flaky: attempt 3 begins',
    ])
  })
})

describe('a React component', () => {
  it('shows the steps of a graph and the words of its stream', async () => {
    const texts = await showQuote('telephone')

    expect(texts[0]).toBe('reading:  …')
    expect(texts.at(-1)).toMatch(/^Theodore Roosevelt, 1903: Rural free delivery, .*telephone.*[^…]$/)
    expect('document' in globalThis).toBe(false)
  })
})

describe('the inspector', () => {
  it('gets the application, the map, its reducer and each branch', async () => {
    const lines: string[] = []

    await inspected((line) => lines.push(line))

    const named = new Set(lines.map((line) => line.slice(0, line.indexOf(':'))))
    expect([...named].toSorted()).toEqual(['1790', '1862', '1946', 'app', 'compare', 'reduce'])
    expect(lines.at(-1)).toContain('"longest":27709')
  })
})

describe('a race of two models of the AI SDK', () => {
  it('shows both texts in one message, keeps the first whole one, and cancels the other', async () => {
    const models = { slow: sayingModel('never said', 500), quick: sayingModel('Teasels comb.', 1) }
    let last: UIMessage | undefined

    const state = await raced(models, (message) => {
      last = message
    })

    expect(state).toMatchObject({ from: 'quick', answer: 'Teasels comb.' })
    expect(last?.parts).toEqual(
      expect.arrayContaining([
        { type: 'text', text: 'Teasels comb.', state: 'done' },
        expect.objectContaining({
          type: 'data-branch',
          data: expect.objectContaining({ key: 'slow', status: 'cancelled' }),
        }),
        expect.objectContaining({
          type: 'data-branch',
          data: expect.objectContaining({ key: 'quick', status: 'done' }),
        }),
      ]),
    )
  })

  it('takes no half a text of a model that was cancelled for an answer', async () => {
    const app = createApplication(raceGraph({ slow: sayingModel('one two three', 100) }), {
      entrypoint: 'race',
      state: { question: 'Why?' },
    })
    app.on('chunk', () => void app.cancel({ path: 'race/slow' }))

    await expect(app.run()).rejects.toThrow('race')
    expect('answer' in app.state).toBe(false)
  })
})
