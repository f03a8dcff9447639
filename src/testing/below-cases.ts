import type { BelowPage } from '../persistence/summary.js'
import { assertSame } from './contract-case.js'
import { begin, type Check, group, parent, row, summary } from './contract-rows.js'

/** Contract of a driver for the applications below one. */
export const BELOW: Readonly<Record<string, Check>> = {
  'lists and counts the applications below one': async (driver, again) => {
    await begin(driver, 'app')
    await begin(driver, 'app', { partitionKey: 'p' })
    const places = [
      ['e', parent('app', 'k1', { index: 1 }), 'running'],
      ['d', parent('app', 'k0'), 'done'],
      ['c', parent('app', 'k0', { epoch: 1, sequenceId: 2 }), 'failed'],
      ['b', parent('app', 'k0', { map: 'other', visit: 2, sequenceId: 3 }), 'waiting'],
      ['a', parent('app', 'by hand', { index: -1, map: 'act' }), 'queued'],
      ['x', parent('app', 'k2', { index: 2 }), 'running'],
      ['z', parent('a', 'deep'), 'running'],
    ] as const
    for (const [id, place, status] of places) {
      const rows = id === 'x' ? [] : [row(id, 0), row(id, 1)]
      await driver.save(group('app', rows, { summaries: [summary(id, { parent: place, status })] }))
    }
    const elsewhere = [summary('e', { parent: parent('app', 'of p') })]
    await driver.save(group('app', [row('e', 0)], { partitionKey: 'p', summaries: elsewhere }))
    const of = { partitionKey: null, parentId: 'app', limit: 9 }
    const asks: readonly (readonly [Partial<BelowPage>, readonly string[]])[] = [
      [{}, ['a', 'b', 'c', 'd', 'e', 'x']],
      [{ epoch: 0 }, ['a', 'b', 'd', 'e', 'x']],
      [{ epoch: 1, map: 'each', visit: 1 }, ['c']],
      [{ map: 'each' }, ['c', 'd', 'e', 'x']],
      [{ map: 'each', visit: 1, epoch: 0 }, ['d', 'e', 'x']],
      [{ map: 'each', visit: 1, epoch: 0, status: ['running'] }, ['e', 'x']],
      [{ visit: 2 }, ['b']],
      [{ map: 'other', visit: 1 }, []],
      [{ status: ['done', 'failed', 'waiting'] }, ['b', 'c', 'd']],
      [{ status: [] }, []],
      [{ limit: 2 }, ['a', 'b']],
      [{ after: { index: 0, appId: 'b' } }, ['c', 'd', 'e', 'x']],
      [{ after: { index: 0, appId: 'gone' }, map: 'each' }, ['e', 'x']],
      [{ after: { index: 0, appId: 'd' }, map: 'each', visit: 1, epoch: 0, limit: 1 }, ['e']],
      [{ after: { index: 2, appId: 'x' } }, []],
      [{ parentId: 'a' }, ['z']],
      [{ parentId: 'none' }, []],
      [{ partitionKey: 'p' }, ['e']],
      [{ partitionKey: '' }, []],
    ]
    for (const [page, ids] of asks) {
      const found = (await again.below({ ...of, ...page })).map(({ appId }) => appId)
      assertSame(JSON.stringify(page), found, ids)
    }
    const [, b] = await again.below(of)
    const { wake: _, ...stored } = summary('b', { parent: places[3][1], status: 'waiting' })
    const { data: __, index: ___, appId: ____, ...last } = row('b', 1)
    const { data: _____, ...facts } = { data: '', ...b?.last }
    assertSame('summary', b?.summary, stored)
    assertSame('last row', { ...facts, index: undefined, appId: undefined }, last)

    const order = ({ epoch, map, status }: { epoch: number; map: string; status: string }) =>
      `${epoch} ${map} ${status}`
    const counts = [...(await again.countBelow(null, 'app'))].sort((one, two) => (order(one) < order(two) ? -1 : 1))
    assertSame('counts', counts, [
      { epoch: 0, sequenceId: 1, map: 'act', visit: 1, status: 'queued', count: 1 },
      { epoch: 0, sequenceId: 1, map: 'each', visit: 1, status: 'done', count: 1 },
      { epoch: 0, sequenceId: 1, map: 'each', visit: 1, status: 'running', count: 2 },
      { epoch: 0, sequenceId: 3, map: 'other', visit: 2, status: 'waiting', count: 1 },
      { epoch: 1, sequenceId: 2, map: 'each', visit: 1, status: 'failed', count: 1 },
    ])
    assertSame('counts of none', await again.countBelow('p', 'none'), [])
  },
}
