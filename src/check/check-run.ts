import { NO_INPUTS } from '../action/inputs.js'
import type { PersisterDriver } from '../persistence/driver.js'
import { refuseBranch } from '../persistence/faults.js'
import { fitRecord, migrateRecord } from '../persistence/migrate.js'
import type { StoredRecord, StoredStatus } from '../persistence/replay.js'
import { withTransient } from '../runtime/durability.js'
import { checkStep } from './check-step.js'
import { isMigrated, type RunCheck, reportUnfit } from './checked-app.js'
import { type CheckedGraph, IsolatedPlans } from './checked-graph.js'
import { Findings, type StoredProblem, type StoredUnknown } from './problem.js'

// Owns: what a resume would make of one stored run.
// Does not own: its next step (check-step.ts), which runs there are (check-stored.ts).
// C1  Nothing is written: the store is only asked for records, and no claim is made.
// C2  A record fits exactly if the function that fits it at a resume accepts it.

/** What a resume would make of one stored run. */
export interface StoredCheck {
  readonly appId: string
  readonly partitionKey: string | null
  /** The name of its graph among those given. */
  readonly graph: string
  /** Its status, as it is stored. */
  readonly status: StoredStatus
  /** True if nothing is left to run, or it was cancelled for good: the verdict then only foretells whether `resumeOrCreate` resolves. */
  readonly ended: boolean
  /**
   * `resumes`: it goes on with its record as it is. `migrates`: it goes on with what `migrate` made of its record, or
   * of the record of a branch. `refused`: `resumeOrCreate` rejects, or the next step fails before its action begins.
   */
  readonly verdict: 'resumes' | 'migrates' | 'refused'
  /** Where it would go on: the action that runs next, and the number of the last stored step. */
  readonly at: { readonly action: string | undefined; readonly sequenceId: number }
  /** Every reason why it is refused. */
  readonly problems: readonly StoredProblem[]
  /** Every part of its next step that only running it can tell. */
  readonly unknown: readonly StoredUnknown[]
  /**
   * Printed paths of maps and branches whose stored work would not be used: it runs again, or is dropped. So with a map
   * that was renamed, or a branch that changed, under `changedTasks: 'adopt'`.
   */
  readonly unused: readonly string[]
}

/** The facts that the checks of all runs share. */
export interface CheckSetup extends Pick<RunCheck, 'partitionKey' | 'sources' | 'signal'> {
  readonly driver: PersisterDriver
}

const ROOT = { path: [], action: undefined } as const

/** The result for a run without a graph, or with a record that cannot be read. */
export function refusedRun(
  setup: CheckSetup,
  appId: string,
  graph: string,
  record: StoredRecord | undefined,
  code: 'graph' | 'record',
  error: unknown,
): StoredCheck {
  const findings = new Findings()
  findings.add(code, 'resume', ROOT, error)
  const { status = 'failed', next, sequenceId = -1 } = record ?? {}
  const ended = record !== undefined && (next === undefined || status === 'cancelled')
  const { problems, unknown, unused } = findings
  const at = { action: next, sequenceId }
  const { partitionKey } = setup
  return { appId, partitionKey, graph, status, ended, verdict: 'refused', at, problems, unknown, unused }
}

/**
 * Checks one run.
 * @throws {PersistenceError} when the store is unavailable
 */
export async function checkRun(setup: CheckSetup, graph: CheckedGraph, record: StoredRecord): Promise<StoredCheck> {
  const { driver, partitionKey } = setup
  const { settings, begin, inputs, name } = graph
  const { appId, status, sequenceId } = record
  const findings = new Findings()
  const plans = new IsolatedPlans()
  const plan = plans.of(graph.plan)
  if (graph.fault !== undefined) findings.add('graph', 'resume', ROOT, graph.fault.error)
  const stands = fitOrReport(findings, begin === undefined ? record : { ...record, chooses: false }, plan, settings)
  const next = begin ?? (stands?.fitted ?? record).next
  const ended = next === undefined || (begin === undefined && status === 'cancelled')
  if (stands !== undefined) {
    const { fitted, fits } = stands
    if (begin !== undefined && record.map !== undefined)
      findings.notUsed([{ map: record.map.map, visit: record.map.visit, key: '' }])
    const app = {
      ...fitted,
      path: [],
      plan,
      state: withTransient(fitted.state, graph.first, settings.transient),
      fits,
      next: ended ? undefined : next,
      bound: NO_INPUTS,
      inputs: inputs ?? NO_INPUTS,
      driver,
      ...(ended && { map: undefined }),
      ...(begin === undefined ? {} : { epoch: record.epoch + 1, map: undefined }),
    }
    await checkStep({ ...setup, settings, plans, knowsInputs: inputs !== undefined }, app, findings)
  }
  const { problems, unknown, unused, migrated } = findings
  const verdict = problems.length > 0 ? 'refused' : migrated ? 'migrates' : 'resumes'
  const at = { action: next, sequenceId }
  return { appId, partitionKey, graph: name, status, ended, verdict, at, problems, unknown, unused }
}

/** Fits a record as a resume does. @returns the record, as far as it can be judged further */
function fitOrReport(
  findings: Findings,
  record: StoredRecord,
  plan: CheckedGraph['plan'],
  settings: CheckedGraph['settings'],
): { readonly fitted: StoredRecord; readonly fits: boolean } | undefined {
  try {
    refuseBranch(record.appId, 'check', record)
    const fitted = fitRecord(record, plan, settings)
    findings.migrated ||= isMigrated(record, settings)
    return { fitted, fits: true }
  } catch (thrown) {
    let migrated: StoredRecord
    try {
      migrated = migrateRecord(record, settings)
    } catch (error) {
      findings.add(record.version > settings.version ? 'version' : 'migrate', 'resume', ROOT, error)
      return undefined
    }
    const fitted = reportUnfit(findings, 'resume', [], migrated, plan, record.next, thrown)
    return fitted && { fitted, fits: false }
  }
}
