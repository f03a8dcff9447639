import { describe, expect, it } from 'vitest'
import { rows } from '../source-document/rows.js'
import { reportRows, wrapped } from './rows.js'

const test = (title: string, status: 'passed' | 'failed' | 'skipped' = 'passed') => ({
  name: `a.test.ts › ${title}`,
  title,
  status,
})

// The ids are put together here, so that this file shows no row itself.
const id = (n: number) => `S-${String(n).padStart(3, '0')}`

describe('the list of rows', () => {
  it('has one hundred and twenty-two rows, and a description of the evidence for texts that cannot run', () => {
    expect(rows).toHaveLength(122)
    expect(rows.at(-1)?.id).toBe(id(122))
    expect(rows.filter(({ kind, shows }) => (kind === 'D' || kind === 'X') !== (shows !== undefined))).toEqual([])
  })

  it('counts a row only by a passed test', () => {
    const report = reportRows([
      test(`${id(1)} does`),
      test(`${id(2)} fails`, 'failed'),
      test(`${id(3)} waits`, 'skipped'),
    ])

    expect(report.shown).toEqual([{ id: id(1), tests: [`a.test.ts › ${id(1)} does`] }])
    expect(report.missing).toHaveLength(121)
  })

  it('lets a test name two known rows, not three', () => {
    const report = reportRows([
      test(`${id(1)} ${id(2)} both`),
      test(`${id(3)} ${id(4)} ${id(5)} all`),
      test(`${id(999)} none`),
    ])

    expect(report.shown.map((row) => row.id)).toEqual([id(1), id(2)])
    expect(report.faults).toHaveLength(2)
  })
})

describe('a row that is printed', () => {
  it('fits 80 columns, with whole words in order', () => {
    const text = Array.from({ length: 40 }, (_, i) => `word${i}`).join(' ')

    const lines = wrapped(text, 17).split('\n')

    expect(lines.filter((line, i) => line.length + (i === 0 ? 17 : 0) > 80)).toEqual([])
    expect(lines.map((line) => line.trim()).join(' ')).toBe(text)
    expect(lines.length).toBeLessThan(6)
  })
})
