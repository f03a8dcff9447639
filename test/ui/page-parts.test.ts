import fc from 'fast-check'
import { defineState } from 'teasel'
import { memoryPersister } from 'teasel/persistence'
import { createUiHandler } from 'teasel/ui'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { actionOf, countsOf } from '../../src/read/action-of.js'
import type { AppNode } from '../../src/read/tree.js'
import { aligned, didSame } from '../../src/ui/page/aligned.js'
import { fieldsOf, fieldValue, valueField } from '../../src/ui/page/answer-fields.js'
import { cellsOf } from '../../src/ui/page/cells.js'
import { branchSpan, lanesOf, timesOf } from '../../src/ui/page/lanes.js'
import { type HubMessage, LiveHub } from '../../src/ui/page/live-hub.js'
import { policyWords } from '../../src/ui/page/map-words.js'
import { productGrid } from '../../src/ui/page/product-grid.js'
import { changesOf } from '../../src/ui/page/state-diff.js'
import { templateOf } from '../../src/ui/page/template.js'
import { inWords } from '../../src/ui/page/value-words.js'
import { roomyTexts } from '../../src/visualize/drawing.js'
import { layoutOf } from '../../src/visualize/layout.js'
import { pictureOf } from '../../src/visualize/picture-of.js'

describe('lanes of a timeline', () => {
  it('are as many as ran at once, and none has two at one time', () => {
    const spans = fc.array(
      fc
        .tuple(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 1, max: 9 }))
        .map(([from, ms]) => ({ from, to: from + ms })),
      { maxLength: 40 },
    )
    fc.assert(
      fc.property(spans, (all) => {
        const lanes = lanesOf(all)
        const atOnce = all.map(({ from }) => all.filter((one) => one.from <= from && one.to > from).length)
        expect(lanes.flat()).toHaveLength(all.length)
        expect(lanes).toHaveLength(atOnce.reduce((most, n) => Math.max(most, n), 0))
        for (const lane of lanes)
          for (const [i, one] of lane.entries()) expect(one.from).toBeGreaterThanOrEqual(lane[i - 1]?.to ?? 0)
      }),
    )
  })
})

describe('the graphs that stand for the branches of a product', () => {
  it('are one for each action, each with its own branches', () => {
    const kit = defineState<{ n: number }>()
    const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => state })
    const both = kit.graph({ actions: { add, end: add }, transitions: { add: 'end' } }).runnable({ entrypoint: 'add' })
    const map = kit.mapActionsAndStates({
      ...{ reads: ['n'], writes: ['n'], states: [{}, {}], reduce: ({ state }) => state },
      actions: { one: both, 'one.more': add },
    })
    const picture = pictureOf(kit.graph({ actions: { map } }).runnable({ entrypoint: 'map' }))
    const [action] = layoutOf(picture, { direction: 'TB', ...roomyTexts() }).actions
    const branch = (key: string, more: Partial<AppNode>): AppNode => ({
      ...{ appId: key, path: [['map', 1, key]], key, status: 'done', attempt: 1 },
      ...{ pending: [], due: [], leaked: [], maps: [], children: [] },
      ...more,
    })
    const branches = [
      branch('one.0', { position: 'end' }),
      branch('one.1', { status: 'running', next: 'end' }),
      branch('one.more.0', { position: 'add' }),
      branch('one.more.1', { status: 'queued' }),
    ]
    const template = templateOf(action, 'map', { status: 'running', counts: countsOf(branches) }, branches)
    const at = (path: string) =>
      Object.fromEntries(Object.entries(template?.marks.actions[path]?.at ?? {}).filter(([, n]) => n > 0))

    expect(template?.above).toEqual(['map/one.*/', 'map/one.more.*/'])
    expect(template?.graph.picture.actions.map(({ path }) => path)).toEqual(['map'])
    expect([at('map/one.*'), at('map/one.*/add'), at('map/one.*/end')]).toEqual([
      { done: 1, running: 1 },
      { done: 2 },
      { done: 1, running: 1 },
    ])
    expect(template?.marks.actions['map']).toMatchObject({ status: 'running', branches: { done: 2, queued: 1 } })
    expect(at('map/one.more.*')).toEqual({ done: 1, queued: 1 })
  })
})

describe('the time of a branch in the queue', () => {
  const branch = (more: Partial<AppNode>): AppNode => ({
    ...{ appId: 'x', path: [['map', 1, 'a']], key: 'a', status: 'running', attempt: 1 },
    ...{ pending: [], due: [], leaked: [], maps: [], children: [] },
    ...more,
  })

  it.each([
    [
      { queuedAt: 1_000, startedAt: 2_200, endedAt: 5_600, status: 'done' },
      'queued 1.2 s, ran 3.4 s',
      [1_000, 2_200, 5_600],
    ],
    [{ queuedAt: 1_000, startedAt: 1_000, endedAt: 5_600, status: 'done' }, '4.6 s', [1_000, 1_000, 5_600]],
    [{ startedAt: 2_200, endedAt: 5_600, status: 'done' }, '3.4 s', [2_200, 2_200, 5_600]],
    [{ queuedAt: 1_000, status: 'queued' }, 'queued 8.0 s', [1_000, 9_000, 9_000]],
    [{ queuedAt: 1_000, endedAt: 3_000, status: 'cancelled' }, 'queued 2.0 s', [1_000, 3_000, 3_000]],
  ] as const)('stands before the time that it ran: %j', (more, words, [from, began, to]) => {
    expect(timesOf(branch(more), more.status === 'queued' ? 9_000 : 5_600)).toBe(words)
    expect(branchSpan(branch(more), 9_000)).toMatchObject([{ from, began, to, title: `a, ${more.status}, ${words}` }])
  })

  it('ends with its run where a branch was cut off', () => {
    const [span] = branchSpan(branch({ queuedAt: 1_000, startedAt: 2_200, status: 'cancelled' }), 9_000)
    expect(span).toMatchObject({ from: 1_000, began: 2_200, to: 9_000, title: 'a, cancelled, queued 1.2 s, ran 6.8 s' })
  })

  it('is not on a timeline before the branch is made', () => {
    expect(branchSpan(branch({ status: 'queued' }), 9_000)).toEqual([])
  })
})

describe('the grid of a product', () => {
  const word = fc.stringMatching(/^[a-c](\.?[a-c0-2]){0,2}$/)
  const words = fc.uniqueArray(word, { minLength: 1, maxLength: 5 })

  it('has each branch in the row of its action and the column of its state', () => {
    fc.assert(
      fc.property(words, words, (actions, states) => {
        const keys = actions.flatMap((action) => states.map((state) => `${action}.${state}`))
        const grid = productGrid(keys)
        expect(grid?.actions.flatMap((action) => grid.states.map((state) => `${action}.${state}`))).toEqual(keys)
      }),
    )
  })

  it.each([
    [
      ['one.0', 'one.1', 'two.0', 'two.1'],
      ['one', 'two'],
      ['0', '1'],
    ],
    [
      ['one.0', 'one.1', 'one.more.0', 'one.more.1'],
      ['one', 'one.more'],
      ['0', '1'],
    ],
    [
      ['one.0', 'one.x.0', 'two.0', 'two.x.0'],
      ['one', 'two'],
      ['0', 'x.0'],
    ],
    [['one.0', 'two.0'], ['one', 'two'], ['0']],
    [['a.a', 'a.a0', 'a.a.a'], ['a'], ['a', 'a0', 'a.a']],
    [
      ['one.0', 'one.1', 'two.0'],
      ['one', 'two'],
      ['0', '1'],
    ],
  ])('is found in its keys: %j', (keys, actions, states) => {
    expect(productGrid(keys)).toEqual({ actions, states })
  })

  it('is none for other keys', () => {
    expect(productGrid(['a.b', 'c'])).toBeUndefined()
    expect(productGrid([])).toBeUndefined()
  })
})

describe('the policy of a map', () => {
  it.each([
    ['all', 'one failure ends all'],
    ['collect', 'failures are collected'],
    ['any', 'the first that is done wins'],
    ["'first'", 'the first that settles wins'],
    ['{ atLeast: 2 }', '2 have to be done'],
    ['of another program', 'of another program'],
  ])('is told in words: %s', (name, words) => {
    expect(policyWords(name)).toBe(words)
  })
})

describe('cells of a mosaic', () => {
  it('are one a branch, or buckets with the status of the worst', () => {
    expect(cellsOf('qdf')).toEqual({ cells: 'qdf', each: 1 })
    const letters = `${'d'.repeat(30_000)}f${'q'.repeat(9_999)}`
    const { cells, each } = cellsOf(letters)

    expect({ each, length: cells.length, failed: [...cells].filter((cell) => cell === 'f').length }).toEqual({
      each: 2,
      length: 20_000,
      failed: 1,
    })
  })
})

describe('pages of one browser', () => {
  it('hear at once that a topic is listened to, where another page does', async () => {
    const handler = createUiHandler({ projects: { demo: { persister: memoryPersister() } } })
    vi.stubGlobal('fetch', (input: string, init?: RequestInit) => handler(new Request(input, init)))
    onTestFinished(() => void vi.unstubAllGlobals())
    const hub = new LiveHub('http://localhost/')
    const heard: HubMessage[][] = [[], []]
    const listeners = heard.map((all) => (message: HubMessage) => void all.push(message))
    const [first = () => {}, second = () => {}] = listeners
    onTestFinished(() => {
      for (const listener of listeners) hub.leave(listener)
    })
    const wanted = { project: 'demo', topics: ['runs'] }
    const hello = { project: 'demo', frame: { type: 'hello', topics: ['runs'] } }

    hub.listen(first, wanted)
    await vi.waitFor(() => expect(heard[0]?.at(-1)).toMatchObject(hello))
    hub.listen(second, wanted)

    expect(heard[1]).toEqual([{ project: 'demo', state: 'live' }, hello])
  })
})

describe('the action of a branch', () => {
  const place = { appId: 'b', path: [], epoch: 0, attempt: 1, pending: [], due: [], leaked: [], maps: [], children: [] }

  it('is where it stands, where it ended, or what failed', () => {
    const done = { ...place, status: 'done', sequenceId: 1, position: 'count' } as const
    const error = { name: 'ActionError', message: 'no', fields: { action: 'load' } }
    const failed = { ...place, status: 'failed', sequenceId: -1, error } as const

    expect(actionOf(done)).toBe('count')
    expect(actionOf({ ...done, status: 'running', next: 'send' })).toBe('send')
    expect(actionOf(failed)).toBe('load')
  })
})

describe('the difference of two states', () => {
  it('has removed keys, shortened lists, and the path of each change', () => {
    const before = { plan: { step: 41, goal: 'air' }, list: [1, 2, 3], scratch: 'x', text: 'abc' }
    const after = { plan: { step: 42, goal: 'air' }, list: [1], text: 'abcdef', more: 0 }

    expect(changesOf(before, after)).toEqual([
      { path: 'plan.step', kind: 'changed', before: '41', after: '42' },
      { path: 'list[1]', kind: 'removed', before: '2' },
      { path: 'list[2]', kind: 'removed', before: '3' },
      { path: 'text', kind: 'grown', after: 'def' },
      { path: 'more', kind: 'added', after: '0' },
      { path: 'scratch', kind: 'removed', before: '"x"' },
    ])
  })

  it('takes values of the codec as what they are', () => {
    expect(inWords({ when: { $: 'date', v: 0 }, n: { $: 'bigint', v: '7' } })).toBe(
      '{ when: 1970-01-01T00:00:00.000Z, n: 7n }',
    )
  })

  it('takes a record with the key $ as any other record', () => {
    const before = {
      $: 'object',
      v: [
        ['$', 'own'],
        ['topic', 'teasels'],
      ] as const,
    }

    expect(changesOf(before, { topic: 'teasels', score: 1 })).toEqual([
      { path: 'score', kind: 'added', after: '1' },
      { path: '$', kind: 'removed', before: '"own"' },
    ])
    expect(inWords(before)).toBe('{ $: "own", topic: "teasels" }')
  })
})

describe('two runs beside each other', () => {
  it('stand where their actions agree', () => {
    const steps = (names: string) =>
      [...names].map((action, sequenceId) => ({
        appId: 'a',
        path: [],
        action,
        sequenceId,
        epoch: 0,
        status: 'done' as const,
      }))
    const pairs = aligned(steps('abcd'), steps('acxd'))

    expect(pairs.map(({ a, b }) => `${a?.action ?? '-'}${b?.action ?? '-'}`)).toEqual(['aa', 'b-', 'cc', '-x', 'dd'])
  })

  it('are not called the same where their source does not tell what they wrote', () => {
    const step = { appId: 'a', path: [], action: 'add', sequenceId: 0, epoch: 0, status: 'done' } as const
    const same = (a: object, b: object) => didSame({ a: { ...step, ...a }, b: { ...step, ...b } })
    const cut = { $: 'cut', n: 9000, p: '{"text":"a' }

    expect(same({ update: { n: 1 } }, { update: { n: 1 } })).toBe(true)
    expect(same({ update: { n: 1 } }, { update: { n: 2 } })).toBe(false)
    expect(same({ patch: ['{', { n: ['=', 1] }, []] }, { patch: ['{', { n: ['=', 2] }, []] })).toBe(false)
    expect(same({}, {})).toBeUndefined()
    expect(same({ update: cut }, { update: cut })).toBeUndefined()
    expect(same({ status: 'failed' }, {})).toBe(false)
    expect(same({ status: 'waiting' }, { status: 'waiting' })).toBe(true)
  })
})

describe('the form of an answer', () => {
  it('is made of a simple schema, and of no other', () => {
    const schema = {
      type: 'object',
      properties: { ok: { type: 'boolean' }, n: { type: 'integer' }, why: { enum: ['a', 'b'] } },
      required: ['ok'],
    }

    expect(fieldsOf(schema)?.map(({ name, type, isNeeded }) => [name, type, isNeeded])).toEqual([
      ['ok', 'boolean', true],
      ['n', 'number', false],
      ['why', 'string', false],
    ])
    expect(fieldsOf({ type: 'object', properties: { list: { type: 'array' } } })).toBeUndefined()
    expect(fieldsOf({ type: 'string' })).toBeUndefined()
  })

  it('are one for a single value, with the type of its answer', () => {
    const field = (schema: unknown) => {
      const { type, choices, isNeeded } = valueField('verdict', schema) ?? {}
      return [type, choices, isNeeded]
    }
    expect(field({ type: 'string' })).toEqual(['string', undefined, false])
    expect(field({ type: 'string', minLength: 1 })).toEqual(['string', undefined, true])
    expect(field({ type: 'string', enum: ['yes', 'no'] })).toEqual(['string', ['yes', 'no'], true])
    expect(field({ type: 'integer' })).toEqual(['number', undefined, true])
    expect(field({ type: 'boolean' })).toEqual(['boolean', undefined, true])
    for (const other of [undefined, { type: 'object', properties: {} }, { anyOf: [{ type: 'string' }] }, { enum: [1] }])
      expect(valueField('verdict', other)).toBeUndefined()
    const number = valueField('n', { type: 'number' })
    expect(number && fieldValue(number, '7.5')).toBe(7.5)
  })
})
