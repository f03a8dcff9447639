import { readFileSync } from 'node:fs'
import { tryGet } from '../internal/guards.js'

interface Manifest {
  readonly name?: string
  readonly version?: string
  readonly peerDependencies?: Readonly<Record<string, string>>
}

/** The version of this package. */
export const versionText = (): string => manifest()?.version ?? 'unknown'

/** The ranges of versions of other packages that this one works with. */
export const peerRanges = (): Readonly<Record<string, string>> => manifest()?.peerDependencies ?? {}

/** Whether a version is in a range of the form `^1.2.3` or `>=1`. True for any other form. */
export function isInRange(version: string, range: string): boolean {
  const [, sign, least = ''] = /^(\^|>=)(\d+(?:\.\d+){0,2})$/.exec(range) ?? []
  if (sign === undefined || !/^\d+\.\d+\.\d+/.test(version)) return true
  const [found, needed] = [numbersOf(version), numbersOf(least)]
  const at = found.findIndex((part, i) => part !== (needed[i] ?? 0))
  if (at >= 0 && (found[at] ?? 0) < (needed[at] ?? 0)) return false
  // Below 1.0.0 a minor version may change anything.
  return sign === '>=' || at < 0 || at > (needed[0] === 0 ? 1 : 0)
}

const numbersOf = (version: string): readonly number[] => version.split(/[.+-]/, 3).map(Number)

function manifest(): Manifest | undefined {
  for (const place of ['../package.json', '../../package.json', './package.json']) {
    const found = tryGet(() => JSON.parse(readFileSync(new URL(place, import.meta.url), 'utf8')) as Manifest)
    if (found?.name === 'teasel') return found
  }
  return undefined
}
