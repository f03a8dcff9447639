import { describeValue } from '../internal/guards.js'
import { suggest } from '../internal/nearest.js'
import { assertTexts, checkNames, parseReads } from '../state/keys.js'
import { assertSchema, type StateSchema } from '../state/schema.js'
import type { ActionBody, ActionParts, AnyAction, AnyRunnable } from './action.js'
import { type InputSpec, type Inputs, NO_INPUTS } from './inputs.js'

const PARTS: unique symbol = Symbol('teasel.action')

/** The declaration of an action, for any kind of body. */
export interface Declaration {
  readonly reads: readonly string[]
  readonly writes: readonly string[]
  readonly inputs?: InputSpec | undefined
  readonly tags?: readonly string[] | undefined
  readonly name?: unknown
}

/** Internal data of a built action. */
interface Built {
  readonly kind: 'action'
  readonly reads: readonly string[]
  readonly writes: readonly string[]
  readonly tags: readonly string[]
  readonly [PARTS]: ActionParts
  bind(inputs: Inputs): Built
  bindState(from: Readonly<Record<string, string>>): Built
}

/**
 * Makes an action from a declaration and a body.
 * @throws {TypeError} for names that cannot be state keys, or are declared twice
 */
export function makeAction(declaration: Declaration, body: ActionBody, schema?: StateSchema): AnyAction {
  if (declaration.tags !== undefined) assertTexts('tags', declaration.tags, 'texts')
  const parts: Omit<ActionParts, 'origin'> = {
    reads: parseReads(declaration.reads),
    writes: checkNames('writes', declaration.writes),
    spec: checkSpec(declaration.inputs),
    tags: Object.freeze([...(declaration.tags ?? [])]),
    name: checkName(declaration.name),
    body,
    schema,
    bound: NO_INPUTS,
    fromState: {},
  }
  return build({ ...parts, origin: parts }) as unknown as AnyAction
}

function checkSpec(spec: InputSpec = {}): InputSpec {
  for (const [name, schema] of Object.entries(spec)) assertSchema(`The input "${name}"`, schema)
  return Object.freeze({ ...spec })
}

function checkName(name: unknown): string | undefined {
  if (name === undefined || (typeof name === 'string' && name !== '')) return name
  throw new TypeError(`name is ${describeValue(name)}. It takes a non-empty string.`)
}

function build(parts: ActionParts): Built {
  const built: Built = {
    kind: 'action',
    reads: parts.reads.optional.length === 0 ? parts.reads.required : declared(parts),
    writes: parts.writes,
    tags: parts.tags,
    [PARTS]: parts,
    bind(inputs) {
      refuseNames('bind', parts, Object.keys(inputs))
      return build({ ...parts, bound: Object.freeze({ ...parts.bound, ...inputs }) })
    },
    bindState(from) {
      refuseNames('bindState', parts, Object.keys(from))
      const fromState = { ...parts.fromState, ...from }
      const added = Object.values(from).filter((key) => !parts.reads.required.includes(key))
      const reads = parseReads([
        ...declared(parts).filter((key) => !added.includes(key.replace(/\?$/, ''))),
        ...new Set(added),
      ])
      const changed = { ...parts, reads, fromState }
      return build({ ...changed, origin: changed })
    },
  }
  return Object.freeze(built)
}

const declared = ({ reads }: ActionParts): readonly string[] => [
  ...reads.required,
  ...reads.optional.map((name) => `${name}?`),
]

function refuseNames(method: string, parts: ActionParts, names: readonly string[]): void {
  const left = Object.keys(parts.spec).filter(
    (name) => !Object.hasOwn(parts.bound, name) && !Object.hasOwn(parts.fromState, name),
  )
  // A map action passes inputs to branches that may not be known yet, so other names than its own are valid.
  if (parts.body.kind === 'fan-out') return
  for (const name of names) {
    if (left.includes(name)) continue
    const bound = Object.hasOwn(parts.spec, name)
      ? 'is already bound.'
      : `is not an input of the action. ${suggest(name, left, 'inputs')}`
    throw new TypeError(`${method}: "${name}" ${bound}`)
  }
}

/** The parts of a branch that is an action; undefined for any other. */
export function partsOf(branch: AnyRunnable): ActionParts | undefined {
  return (branch as Partial<Built>)[PARTS]
}
