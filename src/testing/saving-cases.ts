import { assertSame, assertThrows } from './contract-case.js'
import { type Check, group, indices, isFault, root, row } from './contract-rows.js'

/** Contract of a driver for saving and loading. */
export const SAVING: Readonly<Record<string, Check>> = {
  'loads saved rows in order and completely': async (driver, again) => {
    await driver.claim(root('app'), 'one')
    const rows = [0, 1, 2].map((i) => row('app', i))
    for (const one of rows) await driver.save(group('app', [one]))

    assertSame('load', await again.load(null, ['app', 'other']), [{ rows, inbox: [] }, undefined])
  },

  'loads rows from the last full one on': async (driver, again) => {
    await driver.claim(root('app'), 'one')
    const kinds = ['full', 'patch', 'full', 'note', 'patch'] as const
    await driver.save(
      group(
        'app',
        kinds.map((kind, i) => row('app', i, { kind })),
      ),
    )

    const [tail] = await again.load(null, ['app'])

    assertSame('indices', indices(tail), [2, 3, 4])
  },

  'loads a past step by number, in its newest epoch unless another is given': async (driver) => {
    await driver.claim(root('app'), 'one')
    await driver.save(
      group('app', [
        row('app', 0),
        row('app', 1, { sequenceId: 0 }),
        row('app', 2, { sequenceId: 1 }),
        row('app', 3, { kind: 'note', sequenceId: 1 }),
        row('app', 4, { kind: 'full', sequenceId: 0, epoch: 1 }),
        row('app', 5, { sequenceId: 1, epoch: 1 }),
      ]),
    )
    const upTo = async (sequenceId: number, epoch?: number) => {
      const [tail] = await driver.load(null, ['app'], { sequenceId, epoch })
      return indices(tail)
    }

    const found = [await upTo(1), await upTo(1, 0), await upTo(0), await upTo(-1), await upTo(9)]

    assertSame('indices', found, [[4, 5], [0, 1, 2], [4], [0], []])
  },

  'lists the rows of a history without their data': async (driver, again) => {
    await driver.claim(root('app'), 'one')
    await driver.save(group('app', [row('app', 0), row('app', 1)]))

    const { data: _, ...facts } = row('app', 1)
    assertSame('history', (await again.history(null, 'app'))[1], facts)
    assertSame('history of nothing', await driver.history(null, 'none'), [])
  },

  'refuses a row at an occupied index, and keeps the existing one': async (driver) => {
    await driver.claim(root('app'), 'one')
    await driver.save(group('app', [row('app', 0)]))

    await assertThrows(
      'a second row 0',
      () => driver.save(group('app', [row('app', 0, { data: '{}' })])),
      isFault('conflict'),
    )

    assertSame('load', await driver.load(null, ['app']), [{ rows: [row('app', 0)], inbox: [] }])
  },

  'overwrites a note where its row allows it, and nothing else': async (driver, again) => {
    await driver.claim(root('app'), 'one')
    const note = (index: number, data: string, more: object = {}) => row('app', index, { kind: 'note', data, ...more })
    await driver.save(group('app', [row('app', 0), note(1, '"first"'), row('app', 2)]))

    const newer = { label: 'another', order: 1_700_000_000_001 * 1024 }
    await driver.save(group('app', [note(1, '"second"', { ...newer, over: true })]))
    await driver.save(group('app', [row('app', 3), note(4, '"third"'), note(4, '"fourth"', { over: true })]))
    for (const index of [0, 2, 9]) {
      const wrong = () => driver.save(group('app', [note(index, '"wrong"', { over: true })]))
      await assertThrows(`a note over record ${index}`, wrong, isFault('conflict'))
    }
    await again.claim(root('app'), 'two')
    const late = () => driver.save(group('app', [note(1, '"late"', { over: true })]))
    await assertThrows('a note of another writer', late, isFault('taken-over'))

    const rows = [row('app', 0), note(1, '"second"', newer), row('app', 2), row('app', 3), note(4, '"fourth"')]
    assertSame('load', await again.load(null, ['app']), [{ rows, inbox: [] }])
  },

  'saves a group and consumes its messages atomically': async (driver) => {
    await driver.claim(root('app'), 'one')
    await driver.save(group('app', [row('app', 0)]))
    const id = await driver.post(root('app'), 'app', '"hello"')
    const torn = group('app', [row('child', 0), row('app', 1), row('app', 0)], { taken: [id] })

    await assertThrows('a group with a row that is taken', () => driver.save(torn), isFault('conflict'))
    const before = await driver.load(null, ['app', 'child'])
    await driver.save(group('app', [row('child', 0), row('app', 1)], { taken: [id] }))
    const after = await driver.load(null, ['app', 'child'])

    assertSame('before', before, [{ rows: [row('app', 0)], inbox: [{ id, data: '"hello"' }] }, undefined])
    assertSame('after', after.map(indices), [[0, 1], [0]])
    assertSame('inbox', after[0]?.inbox, [])
  },

  'lets only the last claimant write, and names both writers to the other': async (driver, again) => {
    const first = await driver.claim(root('app'), 'one')
    await driver.save(group('app', [row('app', 0)]))
    const second = await again.claim(root('app'), 'two')

    const refusal = await assertThrows(
      'the first writer',
      () => driver.save(group('app', [row('app', 1)])),
      isFault('taken-over'),
    )
    const below = () => driver.save(group('app', [row('child', 0)]))
    await assertThrows('the first writer, below', below, isFault('taken-over'))
    await again.save(group('app', [row('app', 1)], { writer: 'two' }))

    assertSame(
      'claims',
      [first, second],
      [
        { incarnation: 0, before: undefined },
        { incarnation: 1, before: 'one' },
      ],
    )
    assertSame('writers', refusal.writers, ['one', 'two'])
    assertSame('rows', (await driver.load(null, ['app', 'child'])).map(indices), [[0, 1], undefined])
  },

  'refuses a fence below that of an earlier claim, and changes nothing': async (driver, again) => {
    const fences = [0, 1, 1, undefined] as const
    const claims = []
    for (const fence of fences) claims.push(await driver.claim(root('app'), `runner ${fence}`, { fence }))
    await driver.claim(root('other'), 'another', { fence: 0 })

    const late = () => again.claim(root('app'), 'late', { fence: 0 })
    const refusal = await assertThrows('a lower fence', late, isFault('taken-over'))
    const rows = [row('app', 0)]
    await assertThrows('its save', () => again.save(group('app', rows, { writer: 'late' })), isFault('taken-over'))
    await driver.save(group('app', rows, { writer: 'runner undefined' }))

    assertSame(
      'incarnations',
      claims.map(({ incarnation }) => incarnation),
      [0, 1, 2, 3],
    )
    assertSame('writers', refusal.writers, ['late', 'runner undefined'])
    assertSame('next', await again.claim(root('app'), 'next', { fence: 2 }), {
      incarnation: 4,
      before: 'runner undefined',
    })
  },

  'saves nothing below an unclaimed root': async (driver) => {
    await assertThrows('save', () => driver.save(group('app', [row('app', 0)])), isFault('taken-over'))
    assertSame('load', await driver.load(null, ['app']), [undefined])
  },

  'saves a row only in the tree of its application': async (driver, again) => {
    for (const id of ['app', 'other']) {
      await driver.claim(root(id), 'one')
      await driver.save(group(id, [row(id, 0)]))
    }
    const note = row('child', 1, { kind: 'note' })
    await driver.save(group('app', [row('child', 0), note]))

    const strange = [row('child', 2), row('child', 0), row('app', 1), { ...note, data: '"wrong"', over: true as const }]
    for (const one of strange)
      await assertThrows('a row of another tree', () => driver.save(group('other', [one])), isFault('conflict'))
    await assertThrows('a branch as a root', () => again.claim(root('child'), 'two'), isFault('conflict'))
    await driver.save(group('app', [row('child', 2)]))

    const left = await driver.load(null, ['app', 'child', 'other'])
    assertSame('load', left.map(indices), [[0], [0, 1, 2], [0]])
    assertSame('note', left[1]?.rows[1], note)
  },

  'counts every claim of a tree, by any writer, and none of other trees': async (driver, again) => {
    const claims = [
      await driver.claim(root('app'), 'one'),
      await driver.claim(root('app'), 'one'),
      await again.claim(root('app'), 'two'),
      await again.claim(root('other'), 'two'),
      await driver.claim(root('app'), 'one'),
      await driver.claim(root('app', 'partition'), 'one'),
    ]

    assertSame(
      'incarnations',
      claims.map(({ incarnation }) => incarnation),
      [0, 1, 2, 0, 3, 0],
    )
    assertSame(
      'before',
      claims.map(({ before }) => before ?? null),
      [null, 'one', 'one', null, 'two', null],
    )
  },

  'keeps the rows of fifty concurrent branches separate': async (driver, again) => {
    await driver.claim(root('app'), 'one')
    const ids = Array.from({ length: 50 }, (_, i) => `branch ${i}`)
    await Promise.all(
      ids.map(async (id) => {
        for (const index of [0, 1, 2]) await driver.save(group('app', [row(id, index)]))
      }),
    )

    assertSame(
      'load',
      await again.load(null, ids),
      ids.map((id) => ({ rows: [0, 1, 2].map((i) => row(id, i)), inbox: [] })),
    )
  },
}
