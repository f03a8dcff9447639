import type { Path } from '../action/context.js'

/** The address of an application below a root, as JSON: `[map, visit, key]` for each level; empty for the root. */
export type WirePath = readonly (readonly [map: string, visit: number, key: string])[]

/** The JSON form of a path. */
export const wirePathOf = (path: Path): WirePath => path.map(({ map, visit, key }) => [map, visit, key])
