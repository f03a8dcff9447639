import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { createApplication, printPath } from 'teasel'
import ts from 'typescript'
import { describe, expect, it, vi } from 'vitest'
import { createActor, waitFor } from 'xstate'
import { measuresOf } from '../../examples/01-side-by-side.js'
import { state as interview } from '../../examples/02-many-prompts.js'
import { state as comparison } from '../../examples/03-many-models.js'
import { state as grid, keys as gridKeys } from '../../examples/04-prompts-by-models.js'
import { answerOf } from '../../examples/05-tools.js'
import { passages, state as search } from '../../examples/06-two-searches.js'
import { state as report, inner as stepsInside, steps as stepsOutside } from '../../examples/07-sub-graph.js'
import { load, settled, state as survey } from '../../examples/08-nested-maps.js'
import { graph as byHand, firstAndLast } from '../../examples/09-by-hand.js'
import { answered, machine, stopped } from '../../examples/10-in-a-machine.js'
import { drawn, runDrawing } from '../../examples/23-from-json.js'
import { nearby, squares } from '../../examples/24-own-executor.js'
import { addresses, addressOf } from '../../examples/addresses.js'
import { askModel } from '../../examples/models.js'
import { SOURCE_ARGUMENTS } from '../support/built/arguments.js'
import { blockOf, pictures, shownIn } from '../tools/pictures.js'
import { ROOT } from '../tools/vitest-report.js'

vi.hoisted(() => void vi.spyOn(console, 'log').mockImplementation(() => {}))

const files = readdirSync(`${ROOT}/examples`).filter((file) => /^\d\d-.+\.ts$/.test(file))
/** Servers run until they are stopped; they have tests of their own. */
const SERVERS = ['15-server-sent-events.ts', '16-jobs-that-survive.ts', '17-backend.ts']
const ending = files.filter((file) => !SERVERS.includes(file))
const read = (file: string): string => readFileSync(`${ROOT}/${file}`, 'utf8')

/** Evasions of the compiler: `any`, casts, non-null assertions, suppressed errors. XState declares types by `{} as`. */
function loose(text: string): string[] {
  const found: string[] = [...(text.match(/@ts-\w+/g) ?? [])]
  const visit = (node: ts.Node): void => {
    const cast = ts.isAsExpression(node) && !/ as const$|^\{\} as \{/.test(node.getText())
    if (cast || node.kind === ts.SyntaxKind.AnyKeyword || ts.isNonNullExpression(node)) found.push(node.getText())
    node.forEachChild(visit)
  }
  visit(ts.createSourceFile('example.ts', text, ts.ScriptTarget.ES2022, true))
  return found
}

const said = (year: number, sentence: string | undefined) => addressOf(year).text.includes(sentence ?? '?')

describe('the simulated models', () => {
  it('quote from the text, each in its own way, and the same on each call', async () => {
    const { signal } = new AbortController()
    const asked = { question: 'What about slavery?', text: addressOf(1862).text }

    const answers = await Promise.all(
      (['hasty', 'thorough', 'terse', 'terse'] as const).map((m) => askModel(m, asked, signal)),
    )

    expect(answers.every((answer) => said(1862, answer) && /slave/i.test(answer))).toBe(true)
    expect(answers[3]).toBe(answers[2])
    expect((answers[2] ?? '').length).toBeLessThan((answers[0] ?? '').length)
  })

  it('report that there is nothing to quote, and end a call with its signal', async () => {
    const asked = { question: 'What about xyzzy?', text: addressOf(1862).text }

    await expect(askModel('hasty', asked, new AbortController().signal)).rejects.toThrow(
      'The text says nothing of xyzzy.',
    )
    await expect(askModel('hasty', asked, AbortSignal.abort())).rejects.toThrow('aborted')
  })
})

describe('the examples', () => {
  it('S-009 measures a text with plain functions, in branches side by side', async () => {
    const [first, last] = [await measuresOf(1790), await measuresOf(2021)]

    expect(Object.keys(first)).toEqual(['words', 'vocabulary', 'sentences', 'ease'])
    expect(first['words']).toBe(addressOf(1790).text.match(/[A-Za-z][A-Za-z']*|\d+/g)?.length)
    expect(first['ease']).toBeLessThan(last['ease'] ?? 0)
  })

  it('S-004 puts several prompts to one model', () => {
    expect(Object.keys(interview.answers)).toEqual(Object.keys(interview.questions))
    expect(interview.answers['railroad']).toContain('Pacific Railroad')
    expect(interview.answers['slavery']).toContain('emancipation')
    expect('answer' in interview).toBe(false)
  })

  it('S-005 puts one prompt to several models, and finds each answer by its name', () => {
    const { answers, shortest } = comparison
    const lengths = Object.values(answers).map(({ length }) => length)

    expect(new Set(Object.values(answers)).size).toBe(3)
    expect(Object.values(answers).every((answer) => said(1862, answer) && /debt|public/.test(answer))).toBe(true)
    expect({ shortest, length: answers.terse.length }).toEqual({ shortest: 'terse', length: Math.min(...lengths) })
  })

  it('S-006 puts every prompt to every model', () => {
    const asked = Object.keys(grid.grid)

    expect(gridKeys).toEqual(['hasty', 'terse'].flatMap((m) => ['economy', 'energy', 'world'].map((q) => `${m}.${q}`)))
    expect(asked).toHaveLength(3)
    expect(asked.map((question) => Object.keys(grid.grid[question] ?? {}))).toEqual(asked.map(() => ['hasty', 'terse']))
    expect(grid.grid['What about the Soviet Union and Afghanistan?']?.['terse']).toContain('Soviet Union')
  })

  it('S-007 tries every tool on a question, and selects the surest answer', async () => {
    const answers = await Promise.all(['7 * 6', 'Who spoke in 1862?', 'the telegraph', 'xyzzy'].map(answerOf))

    expect(answers).toEqual([
      {
        answer: '42',
        tool: 'calculator',
        refused: {
          calendar: 'Action "calendar" failed (step 0, branch useTools/calendar): no year of an address',
          quotation: 'Action "quotation" failed (step 0, branch useTools/quotation): nobody said that',
        },
      },
      expect.objectContaining({ answer: 'Abraham Lincoln', tool: 'calendar' }),
      expect.objectContaining({ answer: expect.stringContaining('telegraph'), tool: 'quotation' }),
      expect.objectContaining({ answer: 'No tool knows.', tool: 'none' }),
    ])
  })

  it('S-008 searches by meaning and by words at the same time, and fuses the ranks', () => {
    const worth = ({ web, semantic }: (typeof search.best)[number]) =>
      [web, semantic].reduce<number>((sum, rank) => sum + (rank === undefined ? 0 : 1 / (60 + rank)), 0)

    expect(search.best.map(worth)).toEqual(search.best.map(worth).toSorted((a, b) => b - a))
    expect(search.best[0]).toMatchObject({ web: expect.any(Number), semantic: expect.any(Number) })
    expect(passages[0]).toMatchObject({ year: 1907, president: 'Theodore Roosevelt' })
    expect(passages.every((passage) => /forest|timber/i.test(passage?.sentences.join(' ') ?? ''))).toBe(true)
  })

  it('runs a graph with a state of its own as one step of another', () => {
    expect(stepsOutside).toEqual(['fetchText', 'summarise', 'head'])
    expect(stepsInside).toBeGreaterThan(100)
    expect(report.summary.length).toBeLessThanOrEqual(500)
    expect(report.headline).toBe(`1941 in ${report.kept} sentences, ${report.summary.length} characters`)
    expect('sentences' in report).toBe(false)
  })

  it('builds a graph from data, and refuses a faulty drawing before anything runs', async () => {
    const { both, second } = await runDrawing(drawn)

    expect([both?.endsWith(' / nothing'), both?.split(' ').length, second]).toEqual([true, 7, 'nothing'])
    await expect(runDrawing(drawn.replace('"to":"cut"', '"to":"cutt"'))).rejects.toThrow(
      'transitions.unicorn[1]: There is no action "cutt" to go to. Did you mean "cut"?',
    )
  })

  it('S-085 runs branches by an executor of its own, and leaves nothing when it is closed', async () => {
    const executor = nearby(1)
    expect((await squares(executor).run()).state.squares).toEqual([1, 4, 9, 16])
    await executor.close()
    await expect(squares(executor).run()).rejects.toThrow('The executor is closed.')
  })

  it('nests a map in a map under one limit', () => {
    const given = addresses.filter(({ president }) => survey.presidents.includes(president)).length
    const [most] = Object.entries(survey.averages).toSorted(([, a], [, b]) => b - a)

    expect({ settled, load }).toEqual({ settled: [survey.presidents.length, given], load: { now: 0, most: 4 } })
    expect(most?.[0]).toBe('Ronald Reagan')
  })

  it('S-018 steps applications made by hand, in turn, until each has found its target', async () => {
    const { first, last, steps } = await firstAndLast('telephone')
    const speaking = addresses.filter(({ text }) => /\btelephone\b/i.test(text)).map(({ year }) => year)

    expect([first?.year, last?.year]).toEqual([speaking[0], speaking.at(-1)])
    expect(said(first?.year ?? 0, first?.quote)).toBe(true)
    expect(steps.oldest).toBe(addresses.findIndex(({ year }) => year === first?.year) + 1)
  })

  it('S-115 binds them to the step that creates them: their events, their identity, a cancel', async () => {
    const app = createApplication(byHand, { entrypoint: 'findBoth', state: { word: 'xyzzy' }, appId: 'root' })
    const steps: string[] = []
    const cancelled: unknown[] = []
    app.on('step.start', ({ path, appId }) => {
      steps.push(`${printPath(path)} ${appId === 'root' ? 'root' : appId.length}`)
      if (steps.length === 5) void app.cancel({ reason: 'enough' })
    })
    app.on('cancel', ({ path, cause, reason }) => cancelled.push([printPath(path), cause, reason]))

    const { status } = await app.run()

    expect(status).toBe('cancelled')
    expect(steps).toEqual([
      ' root',
      'findBoth/oldest 52',
      'findBoth/newest 52',
      'findBoth/oldest 52',
      'findBoth/newest 52',
    ])
    // The one whose step begins is cancelled; the other may have finished its step.
    expect(cancelled[0]).toEqual(['', 'app', 'enough'])
    expect(cancelled).toContainEqual(['findBoth/newest', 'parent', 'enough'])
  })

  it('runs a graph in a machine, which cancels it by leaving its state', async () => {
    expect(answered.quotes).toHaveLength(3)
    expect(answered.quotes.every((quote) => /\bwhale\b/i.test(quote))).toBe(true)
    expect(stopped.value).toBe('idle')
    expect(stopped.context.read).toBeLessThan(addresses.length)

    const actor = createActor(machine).start()
    actor.send({ type: 'ASK', word: 'xyzzy' })
    const { context } = await waitFor(actor, (snapshot) => snapshot.matches('answered'))

    expect({ ...context }).toEqual({ word: 'xyzzy', read: addresses.length, quotes: [] })
  })
})

describe('each example', () => {
  it.each(files)('%s opens with its idea and the mistake to avoid, and is short enough to read', (file) => {
    const text = read(`examples/${file}`)
    const opening = text.slice(0, text.indexOf('\nimport'))

    expect(opening).toMatch(/^\/\/ [A-Z][\s\S]*mistake to avoid/i)
    expect(text.split('\n').length).toBeLessThanOrEqual(121)
    expect(text).toMatch(/from 'teasel['/]/)
    expect(loose(text)).toEqual([])
  })

  it('runs by itself, and prints output', () => {
    const program = `for (const file of ${JSON.stringify(ending)}) { console.log('# ' + file); process.argv[1] = 'examples/' + file; await import('./examples/' + file) }`

    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      [...SOURCE_ARGUMENTS, '--input-type=module', '-e', program],
      {
        cwd: ROOT,
        encoding: 'utf8',
        timeout: 400_000,
      },
    )

    expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
    const printed = stdout
      .split(/^# /m)
      .slice(1)
      .map((text) => text.trim().split('\n'))
    expect(printed.map(([file]) => file)).toEqual(ending)
    for (const [file, ...lines] of printed) expect(lines.join('').length, file).toBeGreaterThan(100)
  }, 600_000)
})

describe('the pictures', () => {
  it.each(Object.entries(pictures))('%s shows its current graph', (file, picture) => {
    expect(shownIn(read(file))).toBe(blockOf(file, picture))
  })

  it('are in every numbered example', () => {
    expect(Object.keys(pictures)).toEqual([
      'examples/guide/machines-and-pictures.md',
      ...files.map((file) => `examples/${file}`),
    ])
  })

  it('are reported when they are stale', () => {
    const text = read('examples/02-many-prompts.ts')
    const stale = text.replace('state "prepare"', 'state "begin"')

    expect(shownIn(stale)).not.toBe(shownIn(text))
    expect(shownIn('no picture')).toBeUndefined()
  })
})
