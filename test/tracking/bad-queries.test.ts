import fc from 'fast-check'
import { InputError } from 'teasel'
import { toSSE } from 'teasel/codec'
import { memoryPersister, type Reader } from 'teasel/persistence'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { burrReader, fileReader, fileTracker } from 'teasel/tracking/file'
import { createUiHandler } from 'teasel/ui'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cursorAt } from '../../src/read/cursor.js'
import { call } from '../cli/call.js'
import { quiet } from '../support/quiet-logger.js'
import { folder } from './folders.js'
import { runLogged } from './logged-program.js'

// A query of any form is answered, or refused with an InputError, by every reader, over HTTP and by the commands.

const METHODS = ['list', 'count', 'describe', 'branches', 'steps', 'state', 'pending', 'due', 'events'] as const
const KINDS = ['run', 'due', 'wait', 'branch', 'step'] as const

const part = fc.oneof(
  fc.constantFrom(null, 'run-1', 0, 1, -1, 0.5, 1e15, 2 ** 53, -(2 ** 53), 1e300),
  fc.string({ maxLength: 5 }),
)
/** A cursor that no reader has made. */
const cursor = fc
  .tuple(fc.constantFrom(...KINDS), fc.array(part, { maxLength: 4 }))
  .map(([kind, place]) => cursorAt(kind, place))
const position = fc.tuple(part, part).map((parts) => parts.join('.'))
const anything = fc.oneof(
  part,
  cursor,
  position,
  fc.constantFrom(true, [], {}, undefined, '', '*', 'fan/write', [['fan', 1, 'write']]),
)
const query = fc.oneof(
  { weight: 1, arbitrary: anything },
  // A good query of most methods, so that some are answered, whatever the seed.
  {
    weight: 2,
    arbitrary: fc.record({
      ...{
        runId: fc.constant('run-1'),
        partitionKey: fc.constant(null),
        path: fc.constant(''),
        map: fc.constant('fan'),
      },
      ...{ visit: fc.constant(1), limit: fc.constantFrom(1, 1000), follow: fc.constant(false) },
    }),
  },
  {
    weight: 9,
    arbitrary: fc.record(
      {
        runId: fc.oneof(fc.constant('run-1'), anything),
        partitionKey: fc.oneof(fc.constant(null), anything),
        path: fc.oneof(fc.constant(''), anything),
        map: fc.oneof(fc.constant('fan'), anything),
        visit: fc.oneof(fc.constant(1), anything),
        after: fc.oneof(cursor, position, anything),
        limit: fc.oneof(fc.constantFrom(1, 1000), anything),
        ...{ from: anything, to: anything, first: anything, depth: anything, epoch: anything, sequenceId: anything },
        ...{ status: anything, labels: anything, kinds: anything, types: anything, before: anything, upTo: anything },
        follow: fc.oneof(
          { weight: 9, arbitrary: fc.constant(false) },
          { weight: 1, arbitrary: fc.constantFrom(1, null, 'x') },
        ),
        signal: fc.oneof(fc.constant(undefined), anything),
      },
      { requiredKeys: ['follow'] },
    ),
  },
)

/** The members that a method has; a rest that it does not know is a fault of every query. */
const MEMBERS: Readonly<Record<(typeof METHODS)[number], string>> = {
  list: 'partitionKey status labels limit after',
  count: 'partitionKey status labels upTo',
  describe: 'runId partitionKey path first depth',
  branches: 'runId partitionKey path map visit epoch limit after',
  steps: 'runId partitionKey path from to status limit after',
  state: 'runId partitionKey path sequenceId epoch',
  pending: 'partitionKey kinds labels limit after',
  due: 'partitionKey before limit after',
  events: 'runId partitionKey after types follow signal',
}

async function outcome(reader: object, method: string, given: unknown): Promise<unknown> {
  try {
    const answer = (reader as Record<string, (query: unknown) => unknown>)[method]?.(given)
    if (method === 'events') for await (const _ of answer as AsyncIterable<unknown>);
    else await answer
    return 'answered'
  } catch (error) {
    return InputError.is(error) ? 'refused' : error
  }
}

describe('a query of any form', () => {
  const dir = folder()
  const stores = { memory: memoryPersister(), sqlite: sqlitePersister({ file: ':memory:' }) }
  const readers: Readonly<Record<string, Reader>> = {
    logs: fileReader({ dir }),
    burr: burrReader({ dir: new URL('burr', import.meta.url).pathname, project: 'chat' }),
    ...stores,
  }
  beforeAll(async () => {
    await using tracker = fileTracker({ dir })
    await runLogged(tracker)
    for (const persister of Object.values(stores)) await runLogged({ track: () => {} }, undefined, { persister })
  })
  afterAll(() => stores.sqlite[Symbol.asyncDispose]())

  it.each(Object.keys(readers))('is answered, or refused with an InputError: %s', async (name) => {
    const reader = readers[name] as Reader
    const seen = new Set<unknown>()
    const methods = METHODS.filter((method) => method in reader)
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...methods), query, fc.boolean(), async (method, given, isBare) => {
        const members = MEMBERS[method].split(' ')
        const isRecord = typeof given === 'object' && given !== null && !Array.isArray(given)
        const some =
          isRecord && !isBare
            ? Object.fromEntries(Object.entries(given).filter(([one]) => members.includes(one)))
            : given
        const found = await outcome(reader, method, some)
        seen.add(found)
        expect(['answered', 'refused']).toContain(found)
      }),
      { numRuns: 400 },
    )
    expect(seen).toEqual(new Set(['answered', 'refused']))
  })

  it.each(['x', '0', '0.', '-1.0', '0.1.2', '0.0000000000000000', '1e3.0', '', ' 0.1'])(
    'is refused by the events of a log, of Burr, over HTTP, by a command, and in a stream to a client: after %j',
    async (after) => {
      const ui = createUiHandler({ projects: { p: { reader: readers['logs'] as Reader } }, logger: quiet })
      const events = await ui(
        new Request(`http://localhost/api/v1/runs/run-1/events?project=p&after=${encodeURIComponent(after)}`),
      )

      const refused = await Promise.all(
        ['logs', 'burr'].map((name) =>
          outcome(readers[name] as Reader, 'events', { runId: 'run-1', after, follow: false }),
        ),
      )

      expect(refused).toEqual(['refused', 'refused'])
      expect([events.status, ((await events.json()) as { error: { code: string } }).error.code]).toEqual([
        400,
        'bad-query',
      ])
      expect(await call(['runs', 'tail', 'run-1', '--dir', dir, `--after=${after}`])).toMatchObject({
        code: 2,
        err: expect.stringContaining('after is'),
      })
      expect(() => toSSE((async function* () {})(), { after })).toThrow(InputError)
    },
  )

  it.each(['limit=0', 'limit=-1', 'limit=x', 'after=0.1&after=0.2'])(
    'is refused by the route of events: %s',
    async (text) => {
      const ui = createUiHandler({ projects: { p: { reader: readers['logs'] as Reader } }, logger: quiet })

      const answer = await ui(new Request(`http://localhost/api/v1/runs/run-1/events?project=p&${text}`))

      expect(answer.status).toBe(400)
    },
  )
})
