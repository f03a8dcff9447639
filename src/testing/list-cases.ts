import type { PersisterDriver } from '../persistence/driver.js'
import type { RunPage, RunQuery } from '../persistence/summary.js'
import { assertSame } from './contract-case.js'
import { AT, begin, type Check, group, root, rootIds, row } from './contract-rows.js'

/** Seven roots with summaries, one without, and two in another partition. Each is a millisecond younger. */
async function fill(driver: PersisterDriver): Promise<void> {
  const runs = {
    a: { status: 'queued', name: 'mail', labels: { customer: '7', env: 'prod' } },
    b: { status: 'running', name: 'mail', labels: { customer: '7' }, retrying: 2 },
    c: { status: 'waiting', name: 'bill', labels: { customer: '8', env: 'prod' }, pending: 1, title: 'Cut 50%_A\\' },
    d: { status: 'finished', name: 'bill', title: 'ÄRGER mail', leaked: 1 },
    e: { status: 'failed', labels: { customer: '7', env: 'test' }, pending: 1, leaked: 2 },
    f: { status: 'interrupted', name: 'mail', retrying: 1 },
    g: { status: 'running', wake: 'lease', labels: { customer: '9' } },
  } as const
  for (const [i, [id, more]] of Object.entries(runs).entries()) await begin(driver, id, { ...more, born: AT + i })
  await driver.claim(root('old'), 'one')
  await driver.save(group('old', [row('old', 0, { order: (AT + 7) * 1024 }), row('a branch', 0)]))
  await begin(driver, 'a', { ...runs.a, partitionKey: 'p', born: AT + 8 })
  await begin(driver, 'b', { ...runs.b, partitionKey: 'p', born: AT + 9 })
}

/** Contract of a driver for lists and counts of roots. */
export const LISTS: Readonly<Record<string, Check>> = {
  'lists roots by each filter, and by several together': async (driver, again) => {
    await fill(driver)
    const all = ['old', 'g', 'f', 'e', 'd', 'c', 'b', 'a']
    const asks: readonly (readonly [RunQuery, readonly string[]])[] = [
      [{}, all],
      [{ status: ['queued'] }, ['a']],
      [{ status: ['running'] }, ['b']],
      [{ status: ['interrupted'] }, ['g', 'f']],
      [{ status: ['failed', 'running', 'finished', 'waiting'] }, ['e', 'd', 'c', 'b']],
      [{ status: ['interrupted', 'queued', 'running'] }, ['g', 'f', 'b', 'a']],
      [{ status: [] }, []],
      [{ status: ['cancelled'] }, []],
      [{ name: 'mail' }, ['f', 'b', 'a']],
      [{ name: 'mail', status: ['queued', 'interrupted'] }, ['f', 'a']],
      [{ name: 'Mail' }, []],
      [{ labels: { customer: '7' } }, ['e', 'b', 'a']],
      [{ labels: { env: 'prod' } }, ['c', 'a']],
      [{ labels: { customer: '7', env: 'prod' } }, ['a']],
      [{ labels: { env: 'prod', customer: '7' }, status: ['waiting'] }, []],
      [{ labels: { customer: '7' }, status: ['failed', 'queued'] }, ['e', 'a']],
      [{ labels: { customer: '9' }, status: ['interrupted'] }, ['g']],
      [{ labels: { customer: '9' }, status: ['running'] }, []],
      [{ labels: { constructor: '7' } }, []],
      [{ labels: {} }, all],
      [{ createdFrom: AT + 5 }, ['old', 'g', 'f']],
      [{ createdTo: AT + 2 }, ['b', 'a']],
      [{ createdFrom: AT + 1, createdTo: AT + 3 }, ['c', 'b']],
      [{ createdFrom: AT + 1, status: ['queued', 'waiting'] }, ['c']],
      [{ createdTo: AT + 4, labels: { customer: '7' } }, ['b', 'a']],
      [{ createdTo: AT + 5, name: 'mail' }, ['b', 'a']],
      [{ retrying: true }, ['f', 'b']],
      [{ retrying: true, status: ['interrupted'] }, ['f']],
      [{ pending: true }, ['e', 'c']],
      [{ pending: true, createdFrom: AT + 3 }, ['e']],
      [{ leaked: true }, ['e', 'd']],
      [{ leaked: true, pending: true }, ['e']],
      [{ retrying: true, leaked: true }, []],
      [{ text: 'MAIL' }, ['d']],
      [{ text: 'ärger' }, ['d']],
      [{ text: '50%_a\\' }, ['c']],
      [{ text: '%' }, ['c']],
      [{ text: '_' }, ['c']],
      [{ text: '5%' }, []],
      [{ text: 'OL' }, ['old']],
      [{ text: '' }, all],
      [{ text: 'a', status: ['finished', 'queued'] }, ['d', 'a']],
      [{ text: 'cut', labels: { env: 'prod' }, pending: true, name: 'bill', status: ['waiting'] }, ['c']],
    ]
    for (const [query, ids] of asks) {
      const where = JSON.stringify(query)
      assertSame(where, rootIds(await again.list({ ...query, partitionKey: null, limit: 99 })), ids)
      const one = await again.list({ ...query, partitionKey: null, limit: 1 })
      assertSame(`the first of ${where}`, rootIds(one), ids.slice(0, 1))
    }
    const everywhere: readonly (readonly [RunQuery, readonly string[]])[] = [
      [{}, ['p b', 'p a', ...all.map((id) => `null ${id}`)]],
      [{ status: ['queued', 'interrupted'] }, ['p a', 'null g', 'null f', 'null a']],
      [{ name: 'mail' }, ['p b', 'p a', 'null f', 'null b', 'null a']],
      [{ labels: { customer: '7' } }, ['p b', 'p a', 'null e', 'null b', 'null a']],
      [{ retrying: true }, ['p b', 'null f', 'null b']],
      [{ text: 'B' }, ['p b', 'null b']],
      [{ partitionKey: 'p', labels: { customer: '7' }, name: 'mail' }, ['p b', 'p a']],
      [{ partitionKey: 'p', retrying: true }, ['p b']],
      [{ partitionKey: 'p', status: ['queued', 'interrupted'] }, ['p a']],
      [{ partitionKey: '' }, []],
    ]
    for (const [query, ids] of everywhere) {
      const found = (await again.list({ ...query, limit: 99 })).map((run) => `${run.partitionKey} ${run.rootId}`)
      assertSame(`everywhere ${JSON.stringify(query)}`, found, ids)
    }
  },

  'pages through every filtered list, over roots of one time and of several partitions': async (driver, again) => {
    const labels = { customer: '7' }
    const made: string[] = []
    for (let i = 0; i < 24; i++) {
      const status = i % 3 === 0 ? 'waiting' : i % 3 === 1 ? 'running' : 'failed'
      const partitionKey = i % 4 === 0 ? 'p' : null
      const id = `r${Math.floor(i / 2)}`.padEnd(4 - (i % 2), '-')
      const counts = { pending: 1, retrying: 1, leaked: 1 }
      const more = { ...counts, status, labels, partitionKey, name: 'mail', born: AT + Math.floor(i / 6) } as const
      await begin(driver, id, i % 6 === 1 ? { ...more, wake: 'lease' } : more)
      if (i % 8 === 0) await begin(driver, id, { ...more, partitionKey: 'q' })
      made.push(`${partitionKey} ${id}`)
    }
    const queries: readonly RunQuery[] = [
      {},
      { status: ['waiting', 'failed'] },
      { status: ['interrupted', 'running'] },
      { labels },
      { name: 'mail' },
      { name: 'mail', status: ['failed', 'interrupted'] },
      { pending: true },
      { retrying: true, status: ['running', 'failed'] },
      { leaked: true },
      { text: 'R1' },
      { createdFrom: AT + 1, createdTo: AT + 3 },
    ]
    for (const asked of queries)
      for (const query of [asked, { ...asked, partitionKey: null }, { ...asked, partitionKey: 'p' }]) {
        const whole = await again.list({ ...query, limit: 99 })
        const name = (run: (typeof whole)[number]) => `${run.born} ${run.rootId} ${run.partitionKey}`
        const where = JSON.stringify(query)
        const pages: string[] = []
        let after: RunPage['after']
        for (let page = whole.slice(0, 1); page.length > 0; after = page.at(-1)) {
          page = [...(await again.list({ ...query, limit: 5, ...(after && { after }) }))]
          for (const run of page) pages.push(name(run))
          if (pages.length > 99) break
        }
        assertSame(`pages of ${where}`, pages, whole.map(name))
        const borns = whole.map(({ born }) => born)
        assertSame(
          `the order of ${where}`,
          borns,
          [...borns].sort((a, b) => b - a),
        )
      }
    assertSame('all', (await again.list({ limit: 99 })).length, 27)

    const [first, second, third] = await driver.list({ labels, partitionKey: null, limit: 3 })
    await again.delete(root(second?.rootId ?? ''))
    const rest = await driver.list({ labels, partitionKey: null, limit: 1, ...(second && { after: second }) })
    assertSame('after a deleted root', rootIds(rest), [third?.rootId])
    const begun = await driver.list({ partitionKey: null, limit: 2, ...(first && { after: first }) })
    assertSame('the next', rootIds(begun.slice(0, 1)), [third?.rootId])
  },

  'counts roots by status, up to a number': async (driver, again) => {
    await fill(driver)
    const asks: readonly (readonly [RunQuery, object])[] = [
      [{}, { queued: 2, running: 2, waiting: 1, finished: 1, failed: 1, interrupted: 2 }],
      [{ partitionKey: null }, { queued: 1, running: 1, waiting: 1, finished: 1, failed: 1, interrupted: 2 }],
      [{ partitionKey: 'p' }, { queued: 1, running: 1 }],
      [
        { status: ['interrupted', 'queued', 'halted'], partitionKey: null },
        { queued: 1, interrupted: 2 },
      ],
      [{ status: ['running'], partitionKey: null }, { running: 1 }],
      [
        { labels: { customer: '7' }, partitionKey: null },
        { queued: 1, running: 1, failed: 1 },
      ],
      [{ labels: { customer: '7', env: 'prod' } }, { queued: 2 }],
      [{ name: 'mail' }, { queued: 2, running: 2, interrupted: 1 }],
      [{ pending: true }, { waiting: 1, failed: 1 }],
      [
        { retrying: true, partitionKey: null },
        { running: 1, interrupted: 1 },
      ],
      [{ text: 'mail' }, { finished: 1 }],
      [
        { createdFrom: AT + 2, createdTo: AT + 7 },
        { waiting: 1, finished: 1, failed: 1, interrupted: 2 },
      ],
      [{ partitionKey: 'none' }, {}],
    ]
    for (const [query, counts] of asks) assertSame(JSON.stringify(query), await again.count(query, 99), counts)
    const capped = { queued: 1, running: 1, waiting: 1, finished: 1, failed: 1, interrupted: 1 }
    assertSame('up to one', await again.count({}, 1), capped)
    assertSame('a label, up to one', await again.count({ labels: { customer: '7' } }, 1), {
      queued: 1,
      running: 1,
      failed: 1,
    })
  },
}
