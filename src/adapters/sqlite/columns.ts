// Texts are read as bytes, and numbers as floats: a damaged file may hold bytes that are no UTF-8 and integers that
// JavaScript cannot represent, at which a binding throws or ends the process.

export const text = (column: string, name = column): string => `cast(${column} as blob) as ${name}`
export const number = (column: string, name = column): string => `cast(${column} as real) as ${name}`
/** The highest index of a row: the lower half of its key. */
export const LAST = 0xffff_ffff

/** The key of the last row of an application. */
export const lastKey = (rows: string): string =>
  `(select max(key) from ${rows} where key between a.id << 32 and (a.id << 32) | ${LAST})`

/** Columns of the last row. */
export const POSITION = `${text('r.kind', 'kind')}, ${text('r.label', 'label')}, ${number('r.seq', 'seq')}, ${number('r.epoch', 'epoch')}, ${number('r.ord', 'ord')}`
const COUNTS = ['since', 'pending', 'retrying', 'leaked', 'next_at'].map((one) => number(`a.${one}`, one)).join(', ')
/** Columns of a summary. */
export const SUMMARY = `${text('a.app', 'app')}, ${text('a.status', 'status')}, ${COUNTS}, ${text('a.facts', 'facts')}, ${text('a.name', 'name')}, ${text('a.title', 'title')}, ${text('a.labels', 'labels')}`
/** Columns of a place below another application. */
export const PLACE = `${text('a.parent', 'parent')}, ${number('a.pepoch', 'pepoch')}, ${number('a.pseq', 'pseq')}, ${text('a.map', 'map')}, ${number('a.visit', 'visit')}, ${text('a.pkey', 'pkey')}, ${number('a.idx', 'idx')}`
/** Columns of a root; `a` is its application, `o` its claim, `r` its last row. */
export const RUN = `${text('a.part', 'part')}, ${number('a.top', 'born')}, ${number('a.wake', 'wake')}, ${number('a.lease', 'lease')}, ${SUMMARY}, ${POSITION},
  ${text('o.writer', 'writer')}, ${number('o.count', 'count')}, ${number('o.lease', 'until')}, ${text('o.worker', 'worker')}, ${text('o.beat', 'beat')}, ${number('o.beat_at', 'beat_at')}`

/** Columns of an open question. */
export const WAIT = `${text('w.part', 'part')}, ${text('w.root', 'root')}, ${text('w.app', 'app')}, ${text('w.id', 'id')}, ${number('w.seq', 'seq')}, ${number('w.n', 'n')}, ${number('w.since', 'since')}, ${number('w.until', 'until')}, ${text('w.kinds', 'kinds')}, ${text('w.facts', 'facts')}, ${number('w.answered', 'answered')}`
