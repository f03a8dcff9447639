import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './vitest-report.js'

// A build leaves a mark of what it was made from and of what it made, so that a gate does not build it again.

const MARK = '.cache/built.txt'
/** What the build reads, and what it writes. */
const PARTS = [
  'src',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'test/tools/declarations.json',
  'test/tools/tsup.config.ts',
  'test/tools/shrink.ts',
  'test/tools/page.ts',
  'dist',
]

/** The hash of all files of the build, with their paths. */
function markOf(root: string): string {
  const hash = createHash('sha256').update(process.version)
  for (const part of PARTS) {
    const place = join(root, part)
    if (!existsSync(place)) continue
    const inside = statSync(place).isDirectory()
      ? readdirSync(place, { recursive: true, encoding: 'utf8' }).sort()
      : ['']
    for (const path of inside) {
      const file = join(place, path)
      if (statSync(file).isFile()) hash.update(`\0${part}/${path}\0`).update(readFileSync(file))
    }
  }
  return hash.digest('hex')
}

/** Marks the build of a folder as made from the sources in it. */
export function markBuilt(root: string): void {
  mkdirSync(join(root, '.cache'), { recursive: true })
  writeFileSync(join(root, MARK), markOf(root))
}

/** Whether `dist/` is what the last build made, from the sources that are there now. */
export function isBuilt(root: string): boolean {
  const mark = join(root, MARK)
  return existsSync(mark) && readFileSync(mark, 'utf8') === markOf(root)
}

if (process.argv[1]?.endsWith('/built.ts') === true) markBuilt(ROOT)
