import { assertSame, assertThrows } from './contract-case.js'
import { type Check, group, indices, isFault, root, row } from './contract-rows.js'

/** Contract of a driver for saving and loading. */
export const SAVING: Readonly<Record<string, Check>> = {
  'what was saved is loaded, in order and whole': async (driver, again) => {
    await driver.claim(root('app'), 'one')
    const rows = [0, 1, 2].map((i) => row('app', i))
    for (const one of rows) await driver.save(group('app', [one]))

    assertSame('load', await again.load(null, ['app', 'other']), [{ rows, inbox: [] }, undefined])
  },

  'rows are loaded from the last full one on': async (driver, again) => {
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

  'a past step is loaded by its number, the newest epoch of it unless another is named': async (driver) => {
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

  'a history tells every row of it without its data': async (driver, again) => {
    await driver.claim(root('app'), 'one')
    await driver.save(group('app', [row('app', 0), row('app', 1)]))

    const { data: _, ...facts } = row('app', 1)
    assertSame('history', (await again.history(null, 'app'))[1], facts)
    assertSame('history of nothing', await driver.history(null, 'none'), [])
  },

  'a row whose place is taken is refused, and the one that is there stays': async (driver) => {
    await driver.claim(root('app'), 'one')
    await driver.save(group('app', [row('app', 0)]))

    await assertThrows(
      'a second row 0',
      () => driver.save(group('app', [row('app', 0, { data: '{}' })])),
      isFault('conflict'),
    )

    assertSame('load', await driver.load(null, ['app']), [{ rows: [row('app', 0)], inbox: [] }])
  },

  'a note is written over where its row says so, and nothing else is': async (driver, again) => {
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

  'a group is saved whole or not at all, the messages it takes with it': async (driver) => {
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

  'two writers are told apart: who claimed last writes, the other is told of both': async (driver, again) => {
    const first = await driver.claim(root('app'), 'one')
    await driver.save(group('app', [row('app', 0)]))
    const second = await again.claim(root('app'), 'two')

    const told = await assertThrows(
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
    assertSame('writers', told.writers, ['one', 'two'])
    assertSame('rows', (await driver.load(null, ['app', 'child'])).map(indices), [[0, 1], undefined])
  },

  'nothing is saved below a root that nobody claimed': async (driver) => {
    await assertThrows('save', () => driver.save(group('app', [row('app', 0)])), isFault('taken-over'))
    assertSame('load', await driver.load(null, ['app']), [undefined])
  },

  'a row is saved with the tree that its application is in, and with no other': async (driver, again) => {
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

  'each claim of a tree is counted, whoever claims it, and of no other tree': async (driver, again) => {
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

  'fifty branches at once keep their rows apart': async (driver, again) => {
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
