import { ContractError } from '../errors.js'
import { describeValue, isPlainObject } from '../internal/guards.js'
import { list, suggest } from '../internal/nearest.js'
import { deepFreeze, freezeAll, type State } from './freeze.js'
import { applySchema, fillState, refuseUnknownKeys, type StateRules } from './schema.js'

/**
 * Checks the return value of an action or reducer against its declared writes, and freezes it.
 * @param subject subject of the message: `Action "ask"`
 * @returns the update, or a new one when a value was copied on entry
 * @throws {ContractError} when a declared key is missing, an undeclared one is present, or a value cannot be stored in
 * a state
 */
export function checkUpdate(subject: string, writes: readonly string[], update: unknown, freeze: boolean): State {
  if (!isPlainObject(update)) {
    const got = update === undefined ? 'nothing' : describeValue(update)
    const hint =
      got === 'a generator'
        ? 'An action that yields is an async generator: async *run({ state }) { … }.'
        : 'Return a plain object with the keys declared in writes.'
    throw new ContractError(subject, { kind: 'not-an-update', got }, `returned ${got} instead of an update. ${hint}`)
  }
  let made: Record<string, unknown> | undefined
  for (const key of writes) {
    if (!Object.hasOwn(update, key)) throw missingWrite(subject, writes, update)
    const given = update[key]
    const value = freeze ? deepFreeze(given, subject, key) : given
    if (value !== given) {
      made ??= { ...update }
      made[key] = value
    }
  }
  if (Object.keys(update).length !== writes.length) {
    const keys = Object.keys(update).filter((key) => !writes.includes(key))
    throw undeclaredWrite(subject, writes, keys)
  }
  return made ?? update
}

function missingWrite(subject: string, writes: readonly string[], update: State): ContractError {
  const extra = Object.keys(update).filter((key) => !writes.includes(key))
  if (extra.length > 0) return undeclaredWrite(subject, writes, extra)
  const keys = writes.filter((key) => !Object.hasOwn(update, key))
  return new ContractError(
    subject,
    { kind: 'missing-write', keys, declared: writes },
    `did not return ${list(keys)}, which it declares in writes. Return every declared key.`,
  )
}

function undeclaredWrite(subject: string, declared: readonly string[], keys: readonly string[]): ContractError {
  return new ContractError(
    subject,
    { kind: 'undeclared-write', keys, declared },
    `returned ${list(keys)}, which ${keys.length === 1 ? 'it does' : 'they do'} not declare. Add to writes or leave it out. ${suggest(keys[0] ?? '', declared, 'writes')}`,
  )
}

/** Merges an update into a state, frozen. */
export function overlay(state: State, update: State): State {
  return Object.freeze({ ...state, ...update })
}

/**
 * Makes an initial state: given values over defaults, parsed by the schema, frozen.
 * @throws {ContractError} for a value that cannot be stored in a state or that the schema rejects
 */
export function enterState(subject: string, rules: StateRules, given: unknown): State {
  if (!isPlainObject(given)) {
    const got = describeValue(given)
    throw new ContractError(subject, { kind: 'not-a-state', got }, `is ${got}. It takes a plain object of state keys.`)
  }
  const { defaults, freeze } = rules
  const keys = Object.keys(given)
  refuseUnknownKeys(rules, subject, keys)
  const held = freeze ? freezeAll(given, subject) : given
  const first = Object.freeze(defaults === undefined ? { ...held } : { ...defaults, ...held })
  return fillState(rules, applySchema(rules, subject, first, keys))
}
