import { printedAddress } from '../../read/run-address.js'
import type { CommandCode } from '../command.js'
import { EXIT } from '../command-error.js'
import { fixed, note, piece, print, printFaults, printJson, Table, widthOfOutput } from '../print.js'
import { openSource, partitionOf } from '../run-source.js'
import { agoText, valueText } from '../words.js'

// Owns: `teasel pending`.

const PAGE = 500

const COLUMNS = [
  { head: 'QUESTION' },
  { head: 'ACTION', cut: true },
  { head: 'TAKES', cut: true },
  { head: 'ASKS', cut: true },
  { head: 'SINCE' },
  { head: 'UNTIL' },
  { head: 'TITLE', cut: true },
] as const

/** `teasel pending`. */
export const pending: CommandCode = async (given, io) => {
  const most = given.flag('all') ? Number.POSITIVE_INFINITY : (given.whole('limit', 1) ?? 50)
  const kinds = given.texts('kind')
  await using source = await openSource(given, io)
  const table = new Table(COLUMNS, widthOfOutput(io))
  let [shown, after, isWhole] = [0, given.text('after'), true]
  do {
    const page = await source.reader.pending({
      partitionKey: partitionOf(given) ?? '*',
      ...(kinds.length > 0 && { kinds }),
      labels: given.pairs('label'),
      limit: Math.min(PAGE, most - shown),
      after,
    })
    if (printFaults(io, page.faults, given.flag('json'))) isWhole = false
    const now = io.now()
    if (given.flag('json')) for (const one of page.items) await printJson(io, one)
    else if (page.items.length > 0) {
      const rows = page.items.map((one) => [
        [piece(printedAddress(one.runId, one.path))],
        [piece(one.action)],
        [piece(one.kinds.join(', '), 'yellow')],
        [piece(one.ask === undefined ? '' : valueText(one.ask))],
        [fixed(agoText(one.since, now), 'dim')],
        [fixed(one.until === undefined ? '' : agoText(one.until, now), 'dim')],
        [piece(one.title ?? '', 'dim')],
      ])
      await print(io, ...table.lines(rows, shown === 0))
    }
    shown += page.items.length
    after = page.after
  } while (after !== undefined && shown < most)
  if (!given.flag('json') && shown === 0) note(io, [piece(`Nothing waits for an answer in ${source.place}.`, 'dim')])
  return isWhole ? EXIT.done : EXIT.failed
}
