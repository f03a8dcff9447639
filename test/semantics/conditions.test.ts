import { and, createApplication, defineState, GraphError, not, or } from 'teasel'
import { describe, expect, it } from 'vitest'
import { quiet } from '../support/quiet-logger.js'

interface S {
  n: number
  verdict: string
  tags: string[]
  where: string
}
const kit = defineState<S>()
const start = kit.action({ reads: [], writes: ['n', 'verdict'], run: () => ({ n: 2, verdict: 'good' }) })
const go = (where: string) => kit.action({ reads: [], writes: ['where'], run: () => ({ where }) })
const first = go('first')
const second = go('second')
const third = go('third')
type To = 'first' | 'second' | 'third'

async function chosen(
  list: readonly { to: To; when?: unknown; name?: string }[],
): Promise<{ where: string; condition: string }> {
  const graph = kit.graph({
    actions: { start, first, second, third },
    transitions: { start: list as readonly [{ to: To; when: () => boolean }] },
  })
  const app = createApplication(graph, {
    entrypoint: 'start',
    state: {},
    logger: quiet,
  })
  let condition = 'none'
  app.on('transition', (event) => {
    condition = event.condition
  })
  const { state } = await app.run()
  return { where: state.where, condition }
}

describe('transitions', () => {
  it('take the first true one in the order of declaration', async () => {
    expect(
      await chosen([{ to: 'first', when: () => false }, { to: 'second', when: () => true }, { to: 'third' }]),
    ).toMatchObject({ where: 'second' })
    expect(await chosen([{ to: 'first', when: { n: 3 } }, { to: 'third' }])).toEqual({
      where: 'third',
      condition: 'default',
    })
  })

  it('finish the run when none is true', async () => {
    expect(await chosen([{ to: 'first', when: () => false }])).toEqual({ where: undefined, condition: 'none' })
  })

  it('name their conditions readably', async () => {
    const isGood = ({ state }: { state: Readonly<S> }) => state.verdict === 'good'
    const names = async (when: unknown, name?: string) =>
      (await chosen([name === undefined ? { to: 'first', when } : { to: 'first', when, name }])).condition

    expect(await names(isGood)).toBe('isGood')
    expect(await names({ verdict: 'good', n: 2 })).toBe('verdict = "good", n = 2')
    expect(await names(and<S>(isGood, { n: 2 }))).toBe('isGood and n = 2')
    expect(await names(or<S>({ n: 9 }, not<S>({ n: 3 })))).toBe('n = 9 or not (n = 3)')
    expect(await names(and<S>(or<S>({ n: 2 }, { n: 3 }), isGood))).toBe('(n = 2 or n = 3) and isGood')
    expect(await names(() => true, 'always')).toBe('always')
    expect(await names(({ state }: { state: Readonly<S> }) => state.n === 2)).toBe('state.n === 2')
  })

  it('compare plain data by content', async () => {
    const plan = kit.action({ reads: [], writes: ['tags'], run: () => ({ tags: ['a', 'b'] }) })
    const graph = kit.graph({
      actions: { plan, first, second },
      transitions: {
        plan: [
          { to: 'first', when: { tags: ['a'] } },
          { to: 'second', when: { tags: ['a', 'b'] } },
        ],
      },
    })
    expect((await createApplication(graph, { entrypoint: 'plan', state: {} }).run()).state.where).toBe('second')
  })

  it('short-circuit over unset keys', async () => {
    const set = ({ state }: { state: Readonly<S> }) => state.tags !== undefined
    const long = ({ state }: { state: Readonly<S> }) => state.tags.length > 1

    expect((await chosen([{ to: 'first', when: and<S>(set, long) }, { to: 'second' }])).where).toBe('second')
    expect((await chosen([{ to: 'first', when: or<S>(not<S>(set), long) }, { to: 'second' }])).where).toBe('first')
    await expect(chosen([{ to: 'first', when: and<S>(long, set) }, { to: 'second' }])).rejects.toThrow(
      'the condition "long and set" (start → first) threw',
    )
  })

  it('leave the step uncommitted when a condition throws', async () => {
    const graph = kit.graph({
      actions: { start, first },
      transitions: {
        start: [
          {
            to: 'first',
            when: () => {
              throw new Error('boom')
            },
            name: 'bad',
          },
        ],
      },
    })
    const app = createApplication(graph, { entrypoint: 'start', state: {} })

    await expect(app.run()).rejects.toMatchObject({ code: 'contract', fault: { kind: 'condition' } })
    expect({ state: app.state, sequenceId: app.sequenceId, next: app.next }).toEqual({
      state: {},
      sequenceId: -1,
      next: 'start',
    })
  })
})

describe('error transitions', () => {
  const failing = kit.action({
    reads: [],
    writes: ['n'],
    run: () => {
      throw new RangeError('too much')
    },
  })

  it('follow a predicate on the error, from the state before', async () => {
    const graph = kit.graph({
      actions: { failing, first, second },
      onError: { failing: [{ to: 'first', when: ({ error }) => error instanceof TypeError }, { to: 'second' }] },
    })
    const ends: unknown[] = []
    const app = createApplication(graph, { entrypoint: 'failing', state: { n: 1 } })
    app.on('step.end', (event) => ends.push([event.action, event.status]))

    const { state, sequenceId } = await app.run()

    expect({ state, sequenceId }).toEqual({ state: { n: 1, where: 'second' }, sequenceId: 1 })
    expect(ends).toEqual([
      ['failing', 'failed'],
      ['second', 'done'],
    ])
  })

  it('fail the run when none holds', async () => {
    const graph = kit.graph({ actions: { failing, first }, onError: { failing: [{ to: 'first', when: () => false }] } })

    await expect(createApplication(graph, { entrypoint: 'failing', state: {} }).run()).rejects.toMatchObject({
      name: 'ActionError',
      message: 'Action "failing" failed (step 0): too much',
      cause: expect.any(RangeError),
    })
  })

  it('are checked with the graph, all faults at once', () => {
    const wrong = () =>
      kit.graph({
        actions: { failing },
        transitions: { failing: 'x' as never },
        onError: { failing: 'y' as never, z: 'failing' } as never,
      })

    expect(wrong).toThrow(GraphError)
    try {
      wrong()
    } catch (error) {
      expect((error as GraphError).issues.map(({ at }) => at)).toEqual([
        'transitions.failing',
        'onError.failing',
        'onError.z',
      ])
    }
  })
})
