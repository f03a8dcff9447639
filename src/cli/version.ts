import { readFileSync } from 'node:fs'

/** The version of this package. */
export function versionText(): string {
  for (const place of ['../package.json', '../../package.json', './package.json']) {
    const version = versionIn(new URL(place, import.meta.url))
    if (version !== undefined) return version
  }
  return 'unknown'
}

function versionIn(url: URL): string | undefined {
  try {
    const { name, version } = JSON.parse(readFileSync(url, 'utf8')) as {
      readonly name?: string
      readonly version?: string
    }
    return name === 'teasel' ? version : undefined
  } catch {
    return undefined
  }
}
