import type { Case, Measured } from './case.js'
import { idleCalls, type Listing, postgresListing, redisListing, sqliteListing } from './listing-subjects.js'
import { median, type Round, ratios } from './measure.js'

const PAGES = 300

/** By the clock, not by CPU: most of the work is the server's, where there is one. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  for (let i = 0; i < PAGES; i++) await work()
  return (performance.now() - start) * 1_000
}

const pages =
  (open: () => Promise<Listing | undefined>, name: 'list' | 'pending', bare: 'bareList' | 'barePending') =>
  async (): Promise<Measured> => {
    const listing = await open()
    if (listing === undefined) return { samples: [], baseline: 0, skipped: 'no server is found' }
    const [ours, query] = [listing[name], listing[bare]]
    await timed(query)
    await timed(ours)
    const all: Round[] = []
    for (let i = 0; i < 7; i++) all.push({ baseline: await timed(query), subject: await timed(ours) })
    await listing.close()
    return { samples: ratios(all), baseline: median(all.map((round) => round.baseline)) }
  }

const x = '× bare query'
/** The cost of pages of a store with a hundred thousand runs, a thousand of which wait, and of a host without work. */
export const listingCases: readonly Case[] = [
  { name: 'list.status', unit: x, target: 3, run: pages(sqliteListing, 'list', 'bareList') },
  { name: 'list.status.postgres', unit: x, target: 3, run: pages(postgresListing, 'list', 'bareList') },
  { name: 'list.status.redis', unit: x, target: 3, run: pages(redisListing, 'list', 'bareList') },
  { name: 'pending', unit: x, target: 5, run: pages(sqliteListing, 'pending', 'barePending') },
  { name: 'pending.postgres', unit: x, target: 5, run: pages(postgresListing, 'pending', 'barePending') },
  { name: 'pending.redis', unit: x, target: 5, run: pages(redisListing, 'pending', 'barePending') },
  {
    name: 'host.idle',
    unit: 'calls a second',
    target: 1,
    run: async () => ({ samples: [await idleCalls(3_000)], baseline: 0 }),
  },
]
