import { spawnSync } from 'node:child_process'
import { createApplication, defineState } from 'teasel'
import { describe, expect, it } from 'vitest'
import { partsOf, researchGraph } from '../../examples/research/graph.js'
import { Library } from '../../examples/research/library.js'
import { planOf } from '../../examples/research/plan.js'
import type { Search } from '../../examples/research/retrievers.js'
import { sentencesOf, stem } from '../../examples/research/words.js'
import { wrap } from '../../examples/research/wrap.js'
import { SOURCE_ARGUMENTS } from '../support/built/arguments.js'
import { findRedis } from '../support/redis.js'

const library = await Library.read()
const graph = researchGraph(library)
const ask = async (question: string) =>
  (await createApplication(graph, { entrypoint: 'plan', state: { question } }).run()).state

describe('the words', () => {
  it('are sentences and stems', () => {
    expect(sentencesOf('Mr. Taft spoke. "Peace," he said. The U.S. Navy grew by 5.5 percent!')).toEqual([
      'Mr. Taft spoke.',
      '"Peace," he said.',
      'The U.S. Navy grew by 5.5 percent!',
    ])
    expect(['Banks', "nation's", 'treaties', 'congress', 'bus'].map(stem)).toEqual([
      'bank',
      'nation',
      'treaty',
      'congress',
      'bus',
    ])
  })
})

describe('the lines of an answer', () => {
  it('break between words and keep their indent', () => {
    expect(wrap('Lincoln, 1862:\n  one two three', 10).split('\n')).toEqual([
      'Lincoln,',
      '1862:',
      '  one two',
      '  three',
    ])
    expect(wrap('  averyverylongword', 5)).toBe('  averyverylongword')
    expect(wrap('as it is in a pipe', Infinity)).toBe('as it is in a pipe')
  })
})

describe('the plan', () => {
  it('reads subjects, presidents and years out of a question', () => {
    const inflation = planOf('What was said about inflation in the 1970s?', library)
    const roosevelts = planOf('What did Roosevelt say about banks?', library)
    const theodore = planOf("What was Theodore Roosevelt's view of the Panama Canal before 1905?", library)

    expect(inflation).toMatchObject({ terms: ['inflation'], filter: { from: 1970, to: 1979, presidents: [] } })
    expect(roosevelts.filter.presidents).toEqual(['Theodore Roosevelt', 'Franklin D Roosevelt'])
    expect(theodore.filter).toMatchObject({ presidents: ['Theodore Roosevelt'], to: 1905 })
    expect(theodore.phrases).toContainEqual(['panama', 'canal'])
  })
})

describe('research', () => {
  it('answers with quotations of the presidents in the question', async () => {
    const { sources, answer, failures } = await ask('How did Lincoln speak of slavery?')

    expect(sources.length).toBeGreaterThanOrEqual(2)
    expect(sources.every(({ president, passage }) => president === 'Abraham Lincoln' && /slave/i.test(passage))).toBe(
      true,
    )
    expect(answer).toContain('Without slavery the rebellion could never have existed')
    expect(failures).toEqual([])
  })

  it('finds a misspelled name', async () => {
    const { sources, terms } = await ask('What was said of imigration?')

    expect(terms.flat()).toContain('immigration')
    expect(sources.some(({ passage }) => /immigration/i.test(passage))).toBe(true)
  })

  it('finds the first speaker on a subject', async () => {
    const { sources } = await ask('When did presidents begin to speak of terrorism?')

    expect(sources[0]).toMatchObject({ year: 1967, president: 'Lyndon B Johnson' })
  })

  it.each([
    [
      'asdk qwe',
      'Nothing found. 13085 passages of the addresses were searched for “asdk”, “qwe”. No address has “asdk” or “qwe”.',
    ],
    [
      'What did Lincoln say of qqqqzzzz?',
      'Nothing found. 13085 passages of the addresses by Abraham Lincoln were searched for “qqqqzzzz”. No address has “qqqqzzzz”.',
    ],
    ['What of it?', 'Nothing found: “What of it?” names no subject to look for in 13085 passages of the addresses.'],
  ])('finds nothing for %j, and reports the searches', async (question, nothing) => {
    const { answer, sources } = await ask(question)

    expect({ answer, sources }).toEqual({ answer: nothing, sources: undefined })
  })

  it('names a president once when the question is about one', async () => {
    const { answer } = await ask('How did Lincoln speak of slavery?')

    expect(answer.split('\n')[0]).toBe(
      '“slavery” is spoken of in 3 years by Abraham Lincoln, first in 1862, last in 1864.',
    )
  })

  it('runs every retriever on every query, each in its own branch', async () => {
    const app = createApplication(graph, { entrypoint: 'plan', state: { question: 'What of the Panama Canal?' } })
    const keys: string[] = []
    app.on('branch.settled', (event) => event.action === 'search' && keys.push(event.key))

    const { state } = await app.run({ haltAfter: 'search' })

    const ways = Object.keys(state.plan.queries)
    expect(ways).toEqual(expect.arrayContaining(['question', 'panama canal', 'related words']))
    expect(keys.sort()).toEqual(
      ['bm25', 'fuzzy', 'meaning'].flatMap((name) => ways.map((way) => `${name}.${way}`)).sort(),
    )
  })

  it('answers when a retriever fails, and reports the failure', async () => {
    const kit = defineState<Search>()
    const broken = kit.action({
      reads: ['query'],
      writes: ['hits', 'corrected'],
      run: () => {
        throw new RangeError('the index is gone')
      },
    })
    const shaky = researchGraph(library, { ...partsOf(library), meaning: broken })
    const app = createApplication(shaky, { entrypoint: 'plan', state: { question: 'What about gold?' } })

    const { state } = await app.run()

    expect(state.failures[0]).toContain(
      'meaning.question: Action "meaning" failed (step 0, branch search/meaning.question): the index is gone',
    )
    expect(state.sources.length).toBeGreaterThan(0)
  })
})

const redis = await findRedis()

/** Runs the program with arguments, and with more of its environment. */
function program(...args: (string | NodeJS.ProcessEnv)[]) {
  const words = args.filter((one) => typeof one === 'string')
  const env = Object.assign({}, process.env, ...args.filter((one) => typeof one !== 'string')) as NodeJS.ProcessEnv
  const command = [...SOURCE_ARGUMENTS, 'examples/research.ts', ...words]
  return spawnSync(process.execPath, command, { encoding: 'utf8', env })
}

describe('the program', () => {
  it('prints only one JSON document, and shows its steps elsewhere', () => {
    const { stdout, stderr, status } = program('--json', 'What was said about the moon?')
    const document = JSON.parse(stdout) as Record<string, unknown>

    expect(status).toBe(0)
    expect(Object.keys(document)).toEqual(['question', 'answer', 'sources', 'branches'])
    expect(document).toMatchObject({
      question: 'What was said about the moon?',
      sources: expect.arrayContaining([
        {
          year: expect.any(Number),
          president: expect.any(String),
          passage: expect.stringMatching(/moon/i),
          score: expect.any(Number),
        },
      ]),
      branches: expect.arrayContaining([{ path: 'search/bm25.question', status: 'done', ms: expect.any(Number) }]),
    })
    expect(stderr).toMatch(/✓ search \d/)
  })

  it.skipIf(redis === undefined)('gives the same answer where its branches are jobs of two workers', () => {
    const question = 'What was said about the moon?'
    const answers = [program('--json', question), program('--json', question, '--executor', 'bullmq')].map(
      ({ stdout }) => JSON.parse(stdout) as { readonly answer: string },
    )

    expect(answers[1]?.answer).toBe(answers[0]?.answer)
  })

  it('tells how to get a Redis where none answers', () => {
    const { stderr, status } = program('--executor', 'bullmq', { TEASEL_REDIS: 'redis://127.0.0.1:1' })

    expect({ status, last: stderr.trim().split('\n').at(-1) }).toEqual({
      status: 1,
      last: 'No Redis answers. Start one with "docker run -p 6379:6379 redis", or name it in TEASEL_REDIS.',
    })
  })

  it('refuses an unknown option, and prints its usage', () => {
    const { stderr, stdout, status } = program('--jsn')

    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toContain('Usage: npm start')
  })
})
