import type { Plan } from '../graph/plan.js'
import type { StateRules } from '../state/schema.js'
import type { PersisterDriver } from './driver.js'

// Owns: which schema the applications of a store have, as far as this process has opened them.
// Only for telling a bad patch at once: what is stored is checked in any case when it is resumed.

/** How many applications of one store are remembered, the last ones. */
const MOST = 1000

const known = new WeakMap<PersisterDriver, Map<string, StateRules>>()
const nameOf = (partitionKey: string | null, appId: string): string => JSON.stringify([partitionKey, appId])

function rememberRules(driver: PersisterDriver, partitionKey: string | null, appId: string, rules: StateRules): void {
  const all = known.get(driver) ?? new Map<string, StateRules>()
  known.set(driver, all)
  const name = nameOf(partitionKey, appId)
  all.delete(name) // so that it is the last one
  all.set(name, rules)
  const [oldest] = all.size > MOST ? all.keys() : []
  if (oldest !== undefined) all.delete(oldest)
}

/** The rules of an application that this process has opened lately. */
export function rulesOf(driver: PersisterDriver, partitionKey: string | null, appId: string): StateRules | undefined {
  return known.get(driver)?.get(nameOf(partitionKey, appId))
}

/** The books of an application follow its schema: what it is found to refuse from now on is written down. */
export function followRules(
  journal: {
    oneWay: ReadonlySet<string>
    readonly appId: string
    readonly scope: { readonly settings: { readonly driver: PersisterDriver; readonly partitionKey: string | null } }
  },
  { graph }: Plan,
): void {
  const { schema } = graph.rules
  if (schema === undefined || schema.oneWay === journal.oneWay) return
  for (const key of journal.oneWay) schema.oneWay.add(key)
  journal.oneWay = schema.oneWay
  const { driver, partitionKey } = journal.scope.settings
  rememberRules(driver, partitionKey, journal.appId, graph.rules)
}
