import { ContractError } from '../errors.js'
import { describeValue, isPlainObject } from '../internal/guards.js'
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
    throw new ContractError(subject, {
      kind: 'not-an-update',
      got: update === undefined ? 'nothing' : describeValue(update),
    })
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
    throw new ContractError(subject, { kind: 'undeclared-write', keys, declared: writes })
  }
  return made ?? update
}

function missingWrite(subject: string, writes: readonly string[], update: State): ContractError {
  const extra = Object.keys(update).filter((key) => !writes.includes(key))
  if (extra.length > 0) return new ContractError(subject, { kind: 'undeclared-write', keys: extra, declared: writes })
  const keys = writes.filter((key) => !Object.hasOwn(update, key))
  return new ContractError(subject, { kind: 'missing-write', keys, declared: writes })
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
    throw new ContractError(subject, { kind: 'not-a-state', got: describeValue(given) })
  }
  const { defaults, freeze } = rules
  const keys = Object.keys(given)
  refuseUnknownKeys(rules, subject, keys)
  const held = freeze ? freezeAll(given, subject) : given
  const first = Object.freeze(defaults === undefined ? { ...held } : { ...defaults, ...held })
  return fillState(rules, applySchema(rules, subject, first, keys))
}
