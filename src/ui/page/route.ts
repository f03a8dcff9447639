import { computed, signal } from '@preact/signals'

// Owns: the address of the page. All that a screen shows is in it.
// Does not own: what a screen does with it (screens.tsx).
// A link is an ordinary link: it can be copied, opened in another tab, and gone back from.

/** What an address shows. */
export type Route =
  | { readonly screen: 'projects' }
  | { readonly screen: 'runs' | 'inbox' | 'compare'; readonly project: string }
  | { readonly screen: 'run'; readonly project: string; readonly run: string }
  | { readonly screen: 'map'; readonly project: string; readonly run: string; readonly map: string }
  | { readonly screen: 'graph'; readonly hash: string }
  | { readonly screen: 'missing' }

/** Where the page is mounted: `/ui/`. */
export const base = new URL('.', document.baseURI).pathname

const here = (): { readonly path: string; readonly query: URLSearchParams } => {
  const { pathname, search } = globalThis.location
  return { path: pathname.slice(base.length), query: new URLSearchParams(search) }
}

const place = signal(here())
/** The query of the address. */
export const query = computed(() => place.value.query)
/** One member of the query. */
export const ask = (name: string): string | undefined => query.value.get(name) ?? undefined
/** What the address shows. */
export const route = computed(() => routeOf(place.value.path))

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part)
  } catch {
    return undefined
  }
}

function routeOf(path: string): Route {
  const parts = path.split('/').filter((part) => part !== '')
  const [first, project, kind, run, under, map] = parts.map(decoded)
  if (parts.length === 0) return { screen: 'projects' }
  if (first === 'g' && project !== undefined && parts.length === 2) return { screen: 'graph', hash: project }
  if (first !== 'p' || project === undefined) return { screen: 'missing' }
  if (parts.length === 2) return { screen: 'runs', project }
  if (parts.length === 3 && (kind === 'inbox' || kind === 'compare')) return { screen: kind, project }
  if (kind === 'r' && run !== undefined && parts.length === 4) return { screen: 'run', project, run }
  if (kind === 'r' && run !== undefined && under === 'm' && map !== undefined && parts.length === 6)
    return { screen: 'map', project, run, map }
  return { screen: 'missing' }
}

type Query = Readonly<Record<string, string | number | null | undefined>>

/** The address of a screen: its parts after the mount, each encoded, and its query. */
export function href(parts: readonly string[], asked: Query = {}): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(asked)) if (value != null && value !== '') search.set(name, String(value))
  const tail = search.size === 0 ? '' : `?${search}`
  return `${base}${parts.map(encodeURIComponent).join('/')}${tail}`
}

/** The address of this screen with other members of its query; `undefined` removes one. */
function withQuery(changes: Query): string {
  const search = new URLSearchParams(query.value)
  for (const [name, value] of Object.entries(changes)) {
    if (value == null || value === '') search.delete(name)
    else search.set(name, String(value))
  }
  return `${globalThis.location.pathname}${search.size === 0 ? '' : `?${search}`}`
}

/** Goes to an address. @param replace without a new entry in the history */
export function go(to: string, replace = false): void {
  if (replace) history.replaceState(null, '', to)
  else history.pushState(null, '', to)
  const before = place.value.path
  place.value = here()
  if (place.value.path !== before) scrollTo(0, 0)
}

/** Changes members of the query in place. */
export const setQuery = (changes: Query, replace = true): void => go(withQuery(changes), replace)

/** Follows links of the page without a load. */
export function followLinks(): void {
  addEventListener('popstate', () => {
    place.value = here()
  })
  document.addEventListener('click', (event) => {
    const link = (event.target as Element).closest?.('a')
    if (link === null || link === undefined || event.defaultPrevented || event.button !== 0) return
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || link.target !== '' || link.download !== '')
      return
    if (link.origin !== globalThis.location.origin || !link.pathname.startsWith(base)) return
    if (link.pathname.startsWith(`${base}api/`)) return
    event.preventDefault()
    go(link.href)
  })
}
