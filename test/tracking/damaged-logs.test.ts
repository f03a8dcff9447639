import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { InputError } from 'teasel'
import { type FileReader, fileReader, fileTracker, LogError } from 'teasel/tracking/file'
import { beforeAll, describe, expect, it } from 'vitest'
import { folder } from './folders.js'
import { runLogged } from './logged-program.js'

// Any damage to a log: a reader answers with what is left, or rejects with a LogError. It never throws another error, and
// other runs are unaffected.

/** Numbers between 0 and 1, the same ones for a seed. */
function dice(seed: number): () => number {
  let a = seed
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
type Random = ReturnType<typeof dice>
const one = <T>(random: Random, all: readonly T[]): T => all[Math.floor(random() * all.length)] as T

const VALUES = [
  null,
  true,
  -1,
  0.5,
  1e300,
  '',
  'x',
  [],
  {},
  [null],
  [[]],
  { $: 'ref' },
  { $: 'error' },
  { $: 'same', seq: 0 },
]

/** Replaces a random member of a random line. */
function spoiltLine(text: string, random: Random): string {
  const lines = text.split('\n')
  const at = Math.floor(random() * lines.length)
  const line = lines[at] ?? ''
  if (line === '') return text
  const value: unknown = JSON.parse(line)
  let holder = value as Record<string, unknown>
  for (;;) {
    const name = one(random, Object.keys(holder))
    const inner = holder[name]
    if (typeof inner === 'object' && inner !== null && Object.keys(inner).length > 0 && random() < 0.5) {
      holder = inner as Record<string, unknown>
      continue
    }
    if (random() < 0.2) delete holder[name]
    else holder[name] = one(random, VALUES)
    break
  }
  lines[at] = JSON.stringify(value)
  return lines.join('\n')
}

/** Kinds of damage to a file. */
const DAMAGES: readonly ((text: string, random: Random) => string)[] = [
  (text, random) => text.slice(0, Math.floor(random() * text.length)),
  (text, random) => {
    const at = Math.floor(random() * text.length)
    return (
      text.slice(0, at) +
      String.fromCharCode(text.charCodeAt(at) ^ (1 << Math.floor(random() * 7))) +
      text.slice(at + 1)
    )
  },
  (text, random) => {
    const [a, b] = [random(), random()].map((share) => Math.floor(share * text.length)).sort((x, y) => x - y)
    return text.slice(0, a) + text.slice(b)
  },
  (text, random) => {
    const lines = text.split('\n')
    const [a, b] = [Math.floor(random() * lines.length), Math.floor(random() * lines.length)]
    const [x = '', y = ''] = [lines[a], lines[b]]
    lines[a] = y
    lines[b] = x
    return lines.join('\n')
  },
  spoiltLine,
  spoiltLine,
  spoiltLine,
  spoiltLine,
]

async function drained(events: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of events) {
    // Each of them is read.
  }
}

const PATHS = ['', 'fan/write', 'fan/review', 'fan/slow']

/** Calls every method. @returns the errors that are none of a reader */
async function wrong(reader: FileReader): Promise<readonly unknown[]> {
  const runId = 'run-1'
  const answers = await Promise.allSettled([
    ...[reader.list(), reader.count(), reader.due(), reader.pending()],
    ...PATHS.flatMap((path) => [
      reader.describe({ runId, path }),
      reader.steps({ runId, path }),
      reader.state({ runId, path }),
    ]),
    ...[reader.branches({ runId, map: 'fan', visit: 1 }), reader.steps({ runId, from: 1 })],
    ...[drained(reader.events({ runId, follow: false })), reader.list({ labels: { a: 'b' }, text: 'x', name: 'n' })],
  ])
  return answers.flatMap((answer) => {
    if (answer.status === 'fulfilled') return []
    const error: unknown = answer.reason
    return LogError.is(error) || InputError.is(error) ? [] : [error]
  })
}

describe('a damaged log', () => {
  let whole = ''
  beforeAll(async () => {
    whole = folder()
    await using tracker = fileTracker({ dir: whole })
    await runLogged(tracker)
  })

  it.each(['runs', 'index'] as const)(
    'is read as far as it goes, or refused with a LogError: %s',
    async (place) => {
      const dir = folder()
      cpSync(whole, dir, { recursive: true })
      const path = join(dir, 'default', place)
      const file = join(path, readdirSync(path)[0] ?? '')
      const text = readFileSync(file, 'utf8')
      const found: unknown[] = []
      for (let seed = 0; seed < 150; seed++) {
        const random = dice(seed)
        writeFileSync(file, one(random, DAMAGES)(text, random))
        for (const error of await wrong(fileReader({ dir }))) found.push([seed, error])
      }
      expect(found).toEqual([])
    },
    60_000,
  )
})
