import { type AnyEvent, ParallelError, printPath } from 'teasel'
import { checkStored, type StoredCheck } from 'teasel/check'
import { createPersister, type Persister } from 'teasel/persistence'
import { describe, expect, it } from 'vitest'
import { EDITS, type Edited } from './edits.js'
import { appId, bring, clockOver, OPTIONS, open, POSITIONS } from './positions.js'
import { Behaviour, program } from './program.js'

const READING = ['name', 'load', 'list', 'find', 'history', 'countBelow', 'then']

/** The same store, which refuses whatever else than reading is asked of it. */
function readOnly({ driver }: Persister): Persister {
  return createPersister(
    new Proxy(driver, {
      get(target, name) {
        if (!READING.includes(String(name))) throw new TypeError(`${String(name)} was asked for.`)
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    }),
  )
}

async function foretell(persister: Persister, { edit = {}, options = {}, sources }: Edited): Promise<StoredCheck> {
  const graph = program(edit, new Behaviour())
  const checks = checkStored({
    persister: readOnly(persister),
    graphs: { job: { graph, options: { ...OPTIONS, ...options }, inputs: {} } },
    graphOf: (run) => (run.runId === appId ? 'job' : undefined),
    ...(sources && { sources }),
  })
  const found: StoredCheck[] = []
  for await (const one of checks) found.push(one)
  expect(found).toHaveLength(1)
  return found[0] as StoredCheck
}

interface Happened {
  readonly verdict: StoredCheck['verdict']
  readonly when: 'resume' | 'step' | undefined
  readonly messages: readonly string[]
}

/**
 * Resumes the run and takes its next step. It is refused if that step, or the first step of a branch that the resume
 * starts or continues, fails before its code begins.
 */
async function happens(persister: Persister, { edit = {}, options = {} }: Edited): Promise<Happened> {
  let migrated = 0
  const { migrate } = options as { readonly migrate?: (...args: unknown[]) => unknown }
  const counted =
    migrate === undefined
      ? {}
      : {
          migrate: (...args: unknown[]) => {
            migrated += 1
            return migrate(...args)
          },
        }
  const behaviour = new Behaviour()
  let app: Awaited<ReturnType<typeof open>>
  try {
    app = await open(persister, edit, behaviour, { ...options, ...counted, clock: clockOver(1) })
  } catch (error) {
    return { verdict: 'refused', when: 'resume', messages: chain(error) }
  }
  const reasons: unknown[] = []
  const ended = new Set<string>()
  const failed = new Set<string>()
  app.on('step.end', (event: AnyEvent) => {
    if (event.type !== 'step.end') return
    const path = printPath(event.path)
    const isFirst = !ended.has(path) && ![...ended].some((above) => isBelow(path, above))
    const hasBegun = behaviour.began.some((place) => place.startsWith(`${path}:`))
    ended.add(path)
    if (event.status !== 'failed') return
    // A map that fails with one of its branches has no reason of its own.
    const isOwn = !ParallelError.is(event.error) || ![...failed].some((below) => isBelow(below, path))
    if (isFirst && !hasBegun && isOwn) reasons.push(event.error)
    failed.add(path)
  })
  await app.step().catch(() => {})
  await app[Symbol.asyncDispose]()
  if (reasons.length === 0) return { verdict: migrated > 0 ? 'migrates' : 'resumes', when: undefined, messages: [] }
  return { verdict: 'refused', when: 'step', messages: reasons.flatMap(chain) }
}

const isBelow = (path: string, above: string): boolean =>
  path !== above && (above === '' || path.startsWith(`${above}/`))

/** The messages of an error and of its causes. */
function chain(error: unknown): string[] {
  if (!(error instanceof Error)) return [String(error)]
  return [error.message, ...(error.cause === undefined ? [] : chain(error.cause))]
}

describe.each(Object.entries(POSITIONS))('a run that is stored %s', (_, position) => {
  const brought = bring(position)

  it.each(Object.entries(EDITS))('does what is foretold: %s', async (_title, edited) => {
    const persister = await (await brought)()

    const foretold = await foretell(persister, edited)
    const happened = await happens(persister, edited)

    const { verdict, problems, unknown } = foretold
    const when = problems.some((one) => one.when === 'resume') ? 'resume' : problems[0]?.when
    expect({ verdict, when, problems, unknown }).toMatchObject({ verdict: happened.verdict, when: happened.when })
    if (happened.when !== undefined && problems.every(({ code }) => code !== 'settle'))
      expect(problems.map(({ message }) => message)).toContainEqual(expect.toBeOneOf([...happened.messages]))
  })
})
