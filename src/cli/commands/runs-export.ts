import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { addressOf } from '../address.js'
import type { CommandCode } from '../command.js'
import { EXIT } from '../command-error.js'
import { fixed, note, piece, printJson, write } from '../print.js'
import { findRun, openSource } from '../run-source.js'

// Owns: `teasel runs export`.

/** `teasel runs export`. */
export const runsExport: CommandCode = async (given, io) => {
  await using source = await openSource(given, io)
  const { runId, partitionKey } = await findRun(source, given, addressOf(given.arg(0)).runId)
  const lines = source.exported({ runId, partitionKey })
  const out = given.text('output')
  if (out === undefined) {
    for await (const line of lines) await write(io, line)
    return EXIT.done
  }
  const file = resolve(io.cwd, out)
  try {
    await pipeline(lines, createWriteStream(file))
  } catch (error) {
    await rm(file, { force: true })
    throw error
  }
  if (given.flag('json')) await printJson(io, { runId, file })
  else note(io, [fixed('✓ ', 'green'), piece(out)])
  return EXIT.done
}
