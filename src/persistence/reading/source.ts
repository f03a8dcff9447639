import type { Awaitable, PersisterDriver } from '../driver.js'
import { parseFacts } from '../facts.js'
import { loadRecords } from '../loading.js'
import type { StoredRecord } from '../replay.js'
import type { AppSummary, OpenQuestion, StoredPosition } from '../summary.js'
import type { SummaryFacts } from '../summary-facts.js'

/** The summary of an application, of a root or below one. */
export type Summary = Omit<AppSummary, 'waits' | 'wake' | 'labels'>

/** An application of a store: its summary, and more of it as far as it was read. */
export interface KnownApp {
  readonly appId: string
  readonly summary: Summary
  readonly facts: SummaryFacts
  readonly last: StoredPosition | undefined
  readonly record?: StoredRecord | undefined
}

/** Rows of one partition of a store, as readers ask for them. */
export class Source {
  readonly driver: PersisterDriver
  readonly partitionKey: string | null

  constructor(driver: PersisterDriver, partitionKey: string | null) {
    this.driver = driver
    this.partitionKey = partitionKey
  }

  records(appIds: readonly string[]): Awaitable<readonly (StoredRecord | undefined)[]> {
    return loadRecords((ids, until) => this.driver.load(this.partitionKey, ids, until), appIds)
  }

  async record(appId: string): Promise<StoredRecord | undefined> {
    const [record] = await this.records([appId])
    return record
  }

  /** The open questions of a run, answered ones too. @param most maximum number of each */
  async questions(rootId: string, most: number): Promise<readonly OpenQuestion[]> {
    const { driver, partitionKey } = this
    const open = await driver.waits({ partitionKey, rootId, answered: false, limit: most })
    const answered = await driver.waits({ partitionKey, rootId, answered: true, limit: most })
    return [...open, ...answered]
  }
}

/** The facts of a summary. */
export const factsOf = ({ appId, facts }: Pick<AppSummary, 'appId' | 'facts'>): SummaryFacts =>
  parseFacts(facts, `The summary of application "${appId}"`, appId)
