import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { isBuilt, markBuilt } from './built.js'

const folder = mkdtempSync(join(tmpdir(), 'teasel-built-'))
const write = (path: string, text: string): void => {
  mkdirSync(join(folder, path, '..'), { recursive: true })
  writeFileSync(join(folder, path), text)
}

afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('the mark of a build', () => {
  it('holds as long as no source and no made file changes, comes or goes', () => {
    write('src/a.ts', '1')
    write('dist/a.js', '1')
    write('package.json', '{}')
    expect(isBuilt(folder)).toBe(false)
    markBuilt(folder)
    expect(isBuilt(folder)).toBe(true)

    for (const path of ['src/a.ts', 'dist/a.js', 'package.json', 'src/deep/b.ts', 'test/tools/shrink.ts']) {
      write(path, '2')
      expect(isBuilt(folder), path).toBe(false)
      markBuilt(folder)
      expect(isBuilt(folder), path).toBe(true)
    }

    rmSync(join(folder, 'dist/a.js'))
    expect(isBuilt(folder)).toBe(false)
  })

  it('does not depend on other files', () => {
    write('src/a.ts', '1')
    markBuilt(folder)
    write('test/other.test.ts', '1')

    expect(isBuilt(folder)).toBe(true)
  })
})
