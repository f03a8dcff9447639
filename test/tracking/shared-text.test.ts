import fc from 'fast-check'
import { createApplication, defineState } from 'teasel'
import { memoryPersister } from 'teasel/persistence'
import { fileReader, fileTracker } from 'teasel/tracking/file'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { keepText, shareTexts, takeText } from '../../src/persistence/shared-text.js'
import { quiet } from '../support/quiet-logger.js'
import { folder, linesOf } from './folders.js'

interface Doc {
  n: number
  doc: string
  more: unknown
  seen: Map<string, number>
}
const kit = defineState<Doc>()

afterEach(() => vi.restoreAllMocks())

/** Each step puts the next one of the given values into the state; a Map in it is changed in place. */
const program = (values: readonly unknown[], hasMap: boolean) => {
  const more = (n: number) => ({ n: n + 1, more: values[n] })
  const put = hasMap
    ? kit.action({
        reads: ['n', 'seen'],
        writes: ['n', 'more', 'seen'],
        run: ({ state: { n, seen } }) => ({ ...more(n), seen: seen.set(`${n % 3}`, n) }),
      })
    : kit.action({ reads: ['n'], writes: ['n', 'more'], run: ({ state: { n } }) => more(n) })
  return kit.graph({
    actions: { put },
    transitions: { put: [{ to: 'put', when: ({ state }) => state.n < values.length }] },
  })
}

describe('the text of a state', () => {
  it('is made once for the store and the log of a step', async () => {
    const real = JSON.stringify
    const long = 'long '.repeat(500)
    const counts: number[] = []
    let count = 0
    vi.spyOn(JSON, 'stringify').mockImplementation((...given: Parameters<typeof JSON.stringify>) => {
      const text = real(...given)
      if (text?.includes(long) === true) count += 1
      return text
    })
    const add = kit.action({
      reads: ['n'],
      writes: ['n', 'doc'],
      run: ({ state: { n } }) => ({ n: n + 1, doc: `${n} ${long}` }),
    })
    const graph = kit.graph({
      actions: { add },
      transitions: { add: [{ to: 'add', when: ({ state }) => state.n < 9 }] },
    })
    const dir = folder()
    await using tracker = fileTracker({ dir })
    const app = createApplication(graph, {
      ...{ appId: 'run-1', entrypoint: 'add', state: { n: 0 }, logger: quiet },
      ...{ tracker, persister: memoryPersister() },
    })
    app.on('step.end', () => {
      counts.push(count)
      count = 0
    })
    await app.run()
    expect(counts).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 1])
    const parts = linesOf(dir).flatMap(({ type, state, patch }) =>
      type !== 'step.end' ? [] : state === undefined ? [patch] : ['whole'],
    )
    expect(parts.filter((part) => part === 'whole').length).toBeGreaterThan(1)
    expect(parts).toHaveLength(9)
  })

  it('gives the same states in a log as in its store, whatever is saved when', async () => {
    const value = fc.oneof(
      fc.anything({ withMap: true, withSet: true, withDate: true, withBigInt: true, withNullPrototype: false }),
      fc.constant('text '.repeat(30)),
      fc.record({ $: fc.string(), list: fc.array(fc.record({ a: fc.string() })) }),
    )
    const saves = ['every-step', 'every-step', 'settle', 'manual'] as const
    await fc.assert(
      fc.asyncProperty(
        fc.array(value, { minLength: 2, maxLength: 6 }),
        fc.constantFrom(...saves),
        fc.boolean(),
        async (values, save, hasMap) => {
          const dir = folder()
          const persister = memoryPersister()
          const run = async (appId: string, stored: boolean) => {
            await using tracker = fileTracker({ dir })
            const settings = stored ? { persister, save } : {}
            const state = { n: 0, seen: new Map<string, number>() }
            await createApplication(program(values, hasMap), {
              ...{ appId, entrypoint: 'put', state, tracker, logger: quiet },
              ...settings,
            }).run()
          }
          await run('stored', true)
          await run('bare', false)
          const reader = fileReader({ dir })
          for (let sequenceId = -1; sequenceId < values.length; sequenceId++) {
            const [stored, bare] = [
              await reader.state({ runId: 'stored', sequenceId }),
              await reader.state({ runId: 'bare', sequenceId }),
            ]
            expect(stored).toEqual(bare)
            expect(stored).toMatchObject({ n: sequenceId + 1 })
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  it('is kept only for a log, and only the last one of an application', async () => {
    vi.resetModules()
    const fresh = await import('../../src/persistence/shared-text.js')
    const [a, b, c] = [{ n: 1 }, { n: 2 }, { n: 3 }]
    fresh.keepText(a, undefined, 'a')
    expect(fresh.takeText(a)).toBeUndefined()

    shareTexts()
    keepText(a, undefined, 'a')
    keepText(b, a, 'a to b')
    keepText(c, b, 'b to c')
    expect([takeText(a), takeText(b)]).toEqual([undefined, undefined])
    expect(takeText(c)).toEqual({ before: b, json: 'b to c' })
    expect(takeText(c)).toBeUndefined()
    expect(takeText({ n: 3 })).toBeUndefined()
  })
})
