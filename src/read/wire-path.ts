import { type Path, type PathSegment, printPath, unescapeName } from '../action/context.js'

/** The address of an application below a root, as JSON: `[map, visit, key]` for each level; empty for the root. */
export type WirePath = readonly (readonly [map: string, visit: number, key: string])[]

/** Reads a path in any of its forms: segments, JSON, or printed. Undefined for anything else. */
export function readPath(given: unknown): WirePath | undefined {
  if (typeof given === 'string') return given === '' ? [] : parsePath(given)
  if (!Array.isArray(given)) return undefined
  const path = given.map(readSegment)
  return path.every((segment) => segment !== undefined) ? path : undefined
}

/** A path in any of its forms, printed. */
export function printedPath(path: string | Path | WirePath): string {
  if (typeof path === 'string') return path
  return printPath(path.map((one: PathSegment | Segment) => ('visit' in one ? one : segmentOf(one))))
}

/** A visit of a map, as paths print it: `fan`, `fan#2`. Undefined for anything else. */
export function readMap(text: string): MapVisitName | undefined {
  const [one, more] = text === '' || text.includes('/') ? [] : (parsePath(text) ?? [])
  return one === undefined || more !== undefined || one[1] < 1 ? undefined : { map: one[0], visit: one[1] }
}

/** A visit of a map. */
export interface MapVisitName {
  readonly map: string
  readonly visit: number
}

const segmentOf = ([map, visit, key]: Segment): PathSegment => ({ map, visit, key })

type Segment = WirePath[number]

function readSegment(given: unknown): Segment | undefined {
  if (typeof given !== 'object' || given === null) return undefined
  const [map, visit, key] = (
    Array.isArray(given) ? given : ['map', 'visit', 'key'].map((name) => Reflect.get(given, name) as unknown)
  ) as readonly unknown[]
  const valid = typeof map === 'string' && typeof key === 'string' && Number.isSafeInteger(visit)
  return valid ? [map, visit as number, key] : undefined
}

function parsePath(text: string): WirePath | undefined {
  const parts = text.split('/')
  const path: Segment[] = []
  for (let i = 0; i < parts.length; i += 2) {
    const [, name, visit = '1'] = /^([^#]+)(?:#(\d{1,15}))?$/.exec(parts[i] ?? '') ?? []
    if (name === undefined) return undefined
    const key = parts[i + 1]
    path.push([unescapeName(name), Number(visit), key === undefined ? '' : unescapeName(key)])
  }
  return path
}
