import type { Reader } from '../../read/reader.js'
import type { PersisterDriver } from '../driver.js'
import { listPending } from './questions.js'
import { countRuns, dueRuns, listRuns } from './runs.js'
import { listSteps, readState } from './steps.js'
import { describeRun, listBranches } from './trees.js'

/** A reader over a store. */
export const storeReader = (driver: PersisterDriver): Reader => ({
  list: (query) => listRuns(driver, query),
  count: (filter) => countRuns(driver, filter),
  describe: (ref) => describeRun(driver, ref),
  branches: (query) => listBranches(driver, query),
  steps: (query) => listSteps(driver, query),
  state: (ref) => readState(driver, ref),
  pending: (query) => listPending(driver, query),
  due: (query) => dueRuns(driver, query),
})
