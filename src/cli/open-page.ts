import { spawn } from 'node:child_process'
import { type ServeUiOptions, serveUi, type UiServerHandle } from '../ui/serve-ui.js'
import { EXIT, usageError } from './command-error.js'
import type { Given } from './given.js'
import { interrupted } from './interrupted.js'
import type { Io } from './io.js'
import { note, piece, printJson } from './print.js'

// Owns: a page from its options to the Ctrl+C that ends it.

/** Serves a page until Ctrl+C. @param path what is opened. @param about what it shows */
export async function openPage(
  options: Pick<ServeUiOptions, 'projects' | 'actions'>,
  { path, about }: { readonly path: string; readonly about: string },
  given: Given,
  io: Io,
): Promise<typeof EXIT.done> {
  const [port, host] = [given.whole('port', 0, 65_535), given.text('host')]
  const token = given.text('token') ?? io.env['TEASEL_TOKEN']
  if (host !== undefined && token === undefined && !/^(localhost|127(\.\d{1,3}){3}|::1)$/.test(host))
    throw usageError(`Other machines reach ${host}.`, 'Give --token too, or leave --host out.')
  await using server = await serveUi({
    ...options,
    ...(port !== undefined && { port }),
    ...(host !== undefined && { host }),
    ...(token !== undefined && { token }),
  })
  const stopped = interrupted(io)
  await announce(server, path, about, given, io)
  await stopped
  return EXIT.done
}

async function announce(server: UiServerHandle, path: string, about: string, given: Given, io: Io): Promise<void> {
  const link = server.openUrl(path)
  if (given.flag('json')) return printJson(io, { url: server.url, open: link })
  note(io, [piece(link, 'bold')], [piece(`${about} Ctrl+C ends it.`, 'dim')])
  const isForPerson = io.stderr.isTTY === true && (io.env['CI'] ?? '') === ''
  if (isForPerson && !given.flag('no-open')) openBrowser(link)
}

const OPENERS: Readonly<Record<string, readonly [string, ...string[]]>> = {
  darwin: ['open'],
  win32: ['cmd', '/c', 'start', ''],
}

/** Opens the browser of the person; where there is none, the address stays to be clicked. */
function openBrowser(url: string): void {
  const [program, ...args] = OPENERS[process.platform] ?? ['xdg-open']
  spawn(program, [...args, url], { stdio: 'ignore', detached: true })
    .on('error', () => {})
    .unref()
}
