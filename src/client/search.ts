import type { AppTarget, Paging, RunFilter, RunTarget } from '../read/reader.js'
import { printedPath } from '../read/wire-path.js'

// Owns: queries of readers in the search part of an address.

/** A member that is undefined is left out. */
export type SearchMembers = Readonly<
  Record<string, string | number | boolean | null | undefined | readonly (string | number)[]>
>

/** The search part: empty, or with its `?`. A list is one member, joined by commas, but for labels. */
export function searchOf(members: SearchMembers, labels: RunFilter['labels'] = {}): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(members))
    if (value !== undefined && value !== null) params.set(name, Array.isArray(value) ? listed(value) : String(value))
  for (const [name, value] of Object.entries(labels)) params.append('label', `${encodeURIComponent(name)}:${value}`)
  const text = params.toString()
  return text === '' ? '' : `?${text}`
}

/** A comma in an item stands as in an address. */
const listed = (items: readonly unknown[]): string =>
  items.map((one) => String(one).replace(/[%,]/g, encodeURIComponent)).join()

const listOf = (value: string | readonly string[] | undefined): readonly string[] | undefined =>
  typeof value === 'string' ? [value] : value

export const pageMembers = ({ limit, after }: Paging): SearchMembers => ({ limit, after })

export const filterMembers = (filter: RunFilter): SearchMembers => ({
  partition: filter.partitionKey,
  status: listOf(filter.status),
  name: filter.name,
  from: filter.createdFrom,
  to: filter.createdTo,
  retrying: filter.retrying,
  pending: filter.pending,
  leaked: filter.leaked,
  q: filter.text,
})

/** The members of a query about an application of a run. The run itself stands in the path of the address. */
export const appMembers = ({ partitionKey, path }: RunTarget & Pick<AppTarget, 'path'>): SearchMembers => ({
  partition: partitionKey,
  path: path === undefined || path.length === 0 ? undefined : printedPath(path),
})
