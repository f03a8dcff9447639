import type { CommandCode } from '../command.js'
import { EXIT } from '../command-error.js'
import { loadSdk, serveTools } from '../mcp/serve.js'
import { note, piece } from '../print.js'
import { placesOf } from '../run-source.js'

// Owns: `teasel mcp`. Nothing but the protocol is on the standard output.

/** `teasel mcp`. */
export const mcp: CommandCode = async (given, io) => {
  placesOf(given, io)
  const sdk = await loadSdk()
  if (process.stdin.isTTY === true)
    note(io, [piece('A client of the Model Context Protocol starts this command. Ctrl+C ends it.', 'dim')])
  const transport = new sdk.StdioServerTransport()
  const end = (): void => void transport.close()
  process.stdin.once('end', end)
  process.stdin.once('close', end)
  io.left.addEventListener('abort', end, { once: true })
  const quiet = io.onInterrupt(end)
  try {
    await serveTools(transport, sdk, given, io)
  } finally {
    quiet()
    process.stdin.off('end', end)
    process.stdin.off('close', end)
    io.left.removeEventListener('abort', end)
  }
  return EXIT.done
}
