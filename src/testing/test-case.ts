import type { AnyAction } from '../action/action.js'
import { LiveApplication } from '../application/live-application.js'
import { decode, encode } from '../codec/encode.js'
import { defineState } from '../define.js'
import { describeValue, isPlainObject } from '../internal/guards.js'
import type { AnyEvent } from '../lifecycle/events.js'
import type { State } from '../state/freeze.js'
import { type RecordedStep, type RunRecording, readRecording } from './run-recording.js'

// Owns: a test of one recorded step.

/** The state and the inputs of a recorded step, and the update that it gave. */
export interface StepFixture {
  readonly action: string
  readonly state: State
  readonly inputs: Readonly<Record<string, unknown>>
  readonly update: State
}

/** A test file, and its fixture. */
export interface TestCase {
  /** Name of both files, without their ends: `ask-3`. */
  readonly name: string
  /** The text of `<name>.test.ts`, for vitest. */
  readonly test: string
  /** The text of `<name>.json`, which the test reads. */
  readonly fixture: string
}

/** Where a step is, and how its test imports the action. */
export interface TestCaseOptions {
  /** The printed path of its application. Default: the root. */
  readonly path?: string
  /** The number of the step in its application. */
  readonly sequenceId: number
  /** How the test imports the action: `{ name: 'ask', from: './actions.js' }`. */
  readonly action: { readonly name: string; readonly from: string }
}

/**
 * Makes a test of one recorded step: its state and inputs, and the update that is expected. Write both texts side by
 * side; the test calls the action with {@link replayStep}.
 * @param recording of {@link recordRun}, or its text by `encode`
 * @throws {TypeError} for what is no recording
 * @throws {RangeError} for a step that is not in it, or is not done
 *
 * @example
 * ```ts
 * const kit = defineState<{ n: number }>()
 * const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
 * const recorder = recordRun()
 * const options = { entrypoint: 'add', state: { n: 1 }, tracker: recorder, interceptors: [recorder] } as const
 * await createApplication(kit.graph({ actions: { add } }), options).run()
 *
 * const where = { sequenceId: 0, action: { name: 'add', from: './actions.js' } }
 * const { name, fixture } = createTestCase(recorder.recording(), where)
 * name // 'add-0'
 * await replayStep(add, fixture) // { n: 2 }
 * ```
 * @see Burr burr/cli (test case create)
 */
export function createTestCase(recording: RunRecording | string, options: TestCaseOptions): TestCase {
  const { path = '', sequenceId, action } = options
  const { steps } = readRecording(recording)
  const step = steps.find((one) => one.path === path && one.sequenceId === sequenceId)
  const { update } = doneStep(step, steps, path, sequenceId)
  const { state, inputs, action: recorded } = step as RecordedStep
  const fixture: StepFixture = { action: recorded, state, inputs, update }
  const at = path === '' ? '' : `${path.replace(/[^\p{L}\p{M}\p{N}_-]+/gu, '-')}-`
  const name = `${at}${action.name}-${sequenceId}`
  const place = path === '' ? `step ${sequenceId}` : `step ${sequenceId} of ${path}`
  const title = JSON.stringify(`${action.name} gives the recorded update of ${place}`)
  const test = `${[
    importLine('readFileSync', `${NODE}:fs`),
    importLine('readFixture, replayStep', 'teasel/testing'),
    importLine('expect, it', 'vitest'),
    importLine(action.name, action.from),
    '',
    `const fixture = readFixture(readFileSync(new URL('./${name}.json', import.meta.url), 'utf8'))`,
    '',
    `it(${title}, async () => {`,
    `  expect(await replayStep(${action.name}, fixture)).toEqual(fixture.update)`,
    '})',
  ].join('\n')}\n`
  return { name, test, fixture: `${JSON.stringify(JSON.parse(encode(fixture)), null, 2)}\n` }
}

const NODE = 'node'
const importLine = (names: string, from: string): string => ['import', `{ ${names} }`, 'from', `'${from}'`].join(' ')

function doneStep(
  step: RecordedStep | undefined,
  steps: readonly RecordedStep[],
  path: string,
  sequenceId: number,
): { readonly update: State } {
  if (step?.status === 'done') return { update: step.update ?? {} }
  const where = `step ${sequenceId}${path === '' ? '' : ` of the branch "${path}"`}`
  if (step !== undefined) throw new RangeError(`The recorded ${where} is ${step.status}, and has no update to expect.`)
  const known = steps.filter((one) => one.path === path).map((one) => one.sequenceId)
  const there = known.length === 0 ? 'No step of that path was recorded' : `Recorded there: ${known.join(', ')}`
  throw new RangeError(`There is no recorded ${where}. ${there}.`)
}

/**
 * Reads the fixture of a test case.
 * @throws {SyntaxError | TypeError} for a text that {@link createTestCase} did not make
 */
export function readFixture(text: string): StepFixture {
  const value = decode(text)
  if (!isPlainObject(value) || !isPlainObject(value['state']) || !isPlainObject(value['update']))
    throw new TypeError(`${describeValue(value)} is no fixture of a step. Make one with createTestCase.`)
  return value as unknown as StepFixture
}

/**
 * Calls an action with the recorded state and inputs of a step.
 * @param fixture of {@link createTestCase}, or its text
 * @returns its update
 * @throws the error of the action
 */
export async function replayStep(action: AnyAction, fixture: StepFixture | string): Promise<State> {
  const { action: name, state, inputs } = typeof fixture === 'string' ? readFixture(fixture) : fixture
  const graph = defineState<Record<string, unknown>>().graph({ actions: { [name]: action } })
  let update: State = {}
  const track = (event: AnyEvent): void => {
    if (event.type === 'step.end' && event.status === 'done' && event.path.length === 0) update = event.update
  }
  const options = { entrypoint: name, state, tracker: { track } }
  const live = new LiveApplication(graph as never, options as never)
  const { accepts } = LiveApplication.inside(live).app.plan.graph
  const taken = Object.entries(inputs).filter(([input]) => accepts.open || accepts.names.has(input)) // bound ones are there
  await live.run({ inputs: Object.fromEntries(taken) })
  return update
}
