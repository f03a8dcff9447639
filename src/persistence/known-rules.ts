import type { Plan } from '../graph/plan.js'
import type { StateRules } from '../state/schema.js'
import type { PersisterDriver } from './driver.js'

// Owns: the schemas of the applications that this process has opened, by store. They let `rewind` reject a bad patch at
// once; a resume validates the stored state in any case.

/** Maximum number of remembered applications of one store. */
const MOST = 1000

const known = new WeakMap<PersisterDriver, Map<string, StateRules>>()
const nameOf = (partitionKey: string | null, appId: string): string => JSON.stringify([partitionKey, appId])

function rememberRules(driver: PersisterDriver, partitionKey: string | null, appId: string, rules: StateRules): void {
  const all = known.get(driver) ?? new Map<string, StateRules>()
  known.set(driver, all)
  const name = nameOf(partitionKey, appId)
  all.delete(name) // moves it to the end
  all.set(name, rules)
  const [oldest] = all.size > MOST ? all.keys() : []
  if (oldest !== undefined) all.delete(oldest)
}

/** The rules of an application that this process opened recently. */
export function rulesOf(driver: PersisterDriver, partitionKey: string | null, appId: string): StateRules | undefined {
  return known.get(driver)?.get(nameOf(partitionKey, appId))
}

/** A journal whose state has a schema. */
export interface FollowingRules {
  /** Keys whose schema rejects its own output. */
  oneWay: ReadonlySet<string>
  readonly appId: string
  readonly scope: { readonly settings: { readonly driver: PersisterDriver; readonly partitionKey: string | null } }
}

/** Joins the `oneWay` keys of a journal with those of the schema, so that keys found later are stored too. */
export function followRules(journal: FollowingRules, { graph }: Plan): void {
  const { schema } = graph.rules
  if (schema === undefined || schema.oneWay === journal.oneWay) return
  for (const key of journal.oneWay) schema.oneWay.add(key)
  journal.oneWay = schema.oneWay
  const { driver, partitionKey } = journal.scope.settings
  rememberRules(driver, partitionKey, journal.appId, graph.rules)
}
