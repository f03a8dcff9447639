import { existsSync, readFileSync } from 'node:fs'
import { access, constants } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { messageOf, tryGet } from '../../internal/guards.js'
import type { StoreVersion } from '../../persistence/store-version.js'
import type { RunStatus } from '../../read/status.js'
import { projectsIn } from '../../ui/projects-in.js'
import type { CommandCode } from '../command.js'
import { EXIT } from '../command-error.js'
import type { Given } from '../given.js'
import type { Io } from '../io.js'
import { PORT } from '../page-link.js'
import { fixed, piece, print, printJson, spaced } from '../print.js'
import { openSource, placesOf, withoutPassword } from '../run-source.js'
import { versionOfStore } from '../store-version.js'
import { isInRange, peerRanges, versionText } from '../version.js'

// Owns: `teasel doctor`.

type Level = 'ok' | 'note' | 'fault'

/** One thing that was looked at. */
interface Finding {
  readonly subject: string
  readonly level: Level
  readonly text: string
  readonly hint?: string
}

/** As long as the longest subject. */
const WIDTH = 25

const MARK = { ok: fixed('✓', 'green'), note: fixed('·', 'yellow'), fault: fixed('✕', 'red') } as const

/** `teasel doctor`. */
export const doctor: CommandCode = async (given, io) => {
  const looked = [
    node(),
    typescript(io),
    ...packages(io),
    await folder(given, io),
    ...(await storeOrRuns(given, io)),
    await port(),
  ]
  const isWell = looked.every(({ level }) => level !== 'fault')
  if (given.flag('json')) await printJson(io, { version: versionText(), well: isWell, findings: looked })
  else {
    await print(io, [piece(`teasel ${versionText()}`, 'bold')])
    for (const { subject, level, text, hint } of looked) {
      await print(io, spaced(MARK[level], fixed(subject.padEnd(WIDTH), 'dim'), piece(text)))
      if (hint !== undefined) await print(io, [fixed(' '.repeat(WIDTH + 3)), piece(hint, 'dim')])
    }
  }
  return isWell ? EXIT.done : EXIT.failed
}

const LEAST = [20, 19] as const

function node(): Finding {
  const { node: version } = process.versions
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const isEnough = major > LEAST[0] || (major === LEAST[0] && minor >= LEAST[1])
  return isEnough
    ? { subject: 'node', level: 'ok', text: version }
    : { subject: 'node', level: 'fault', text: version, hint: `Node ${LEAST.join('.')} or later is needed.` }
}

/** A package may hide its package.json from imports: it is looked for where Node looks for packages. */
function versionOf(name: string, cwd: string): string | undefined {
  const places = createRequire(pathToFileURL(join(cwd, 'x.js'))).resolve.paths(name) ?? []
  for (const place of places) {
    const found = tryGet(
      () => JSON.parse(readFileSync(join(place, name, 'package.json'), 'utf8')) as { version?: string },
    )
    if (found !== undefined) return found.version ?? 'of no version'
  }
  return undefined
}

function typescript({ cwd }: Io): Finding {
  const { typescript: native } = process.features as { readonly typescript?: unknown }
  const tsx = versionOf('tsx', cwd)
  if (native !== undefined && native !== false) return { subject: 'typescript', level: 'ok', text: 'Node runs it' }
  if (tsx !== undefined) return { subject: 'typescript', level: 'ok', text: `by tsx ${tsx}` }
  return {
    subject: 'typescript',
    level: 'note',
    text: 'not runnable here',
    hint: 'npm install --save-dev tsx, or Node 22.18 or later',
  }
}

const PEERS = [
  ['xstate', 'for everything', true],
  ['react', 'for teasel/react', false],
  ['libsql', 'for SQLite, on Node before 22.13', false],
  ['pg', 'for PostgreSQL', false],
  ['ioredis', 'for Redis', false],
  ['bullmq', 'for workers on other machines', false],
  ['@opentelemetry/api', 'for OpenTelemetry', false],
  ['@modelcontextprotocol/sdk', 'for coding agents: teasel mcp', false],
] as const

function packages({ cwd }: Io): readonly Finding[] {
  const ranges = peerRanges()
  return PEERS.map(([name, use, isNeeded]): Finding => {
    const version = versionOf(name, cwd)
    const range = ranges[name] ?? ''
    if (version !== undefined && !isInRange(version, range))
      return {
        ...{ subject: name, level: isNeeded ? 'fault' : 'note' },
        ...{ text: `${version}, but this Teasel works with ${range} (${use})`, hint: `npm install ${name}@${range}` },
      }
    if (version !== undefined) return { subject: name, level: 'ok', text: version }
    return {
      subject: name,
      level: isNeeded ? 'fault' : 'note',
      text: `not installed (${use})`,
      ...(isNeeded && { hint: `npm install ${name}` }),
    }
  })
}

async function folder(given: Given, io: Io): Promise<Finding> {
  const { dir } = placesOf(given, io)
  const place = existsSync(dir) ? dir : join(dir, '..')
  const isWritable = await access(place, constants.W_OK).then(
    () => true,
    () => false,
  )
  if (!isWritable)
    return {
      subject: 'folder',
      level: 'fault',
      text: `${dir} cannot be written`,
      hint: 'Give --dir, or change its rights.',
    }
  const projects = await projectsIn(dir).names()
  const text = existsSync(dir) ? `${dir}, projects: ${projects.join(', ') || 'none'}` : `${dir}, not made yet`
  return { subject: 'folder', level: 'ok', text }
}

/** Runs that need a look: the process of an interrupted one is gone, abandoned code still runs. */
const LOOKED: readonly RunStatus[] = ['running', 'waiting', 'retrying', 'interrupted', 'failed']

/** Runs are counted only in a store whose tables fit: opening it changes older ones. */
async function storeOrRuns(given: Given, io: Io): Promise<readonly Finding[]> {
  const { store, url } = placesOf(given, io)
  if (store === undefined || url !== undefined) return runs(given, io)
  try {
    const version = await versionOfStore(store, io)
    if (version === undefined) return runs(given, io)
    const tables = tablesOf(version)
    return version.found === version.newest ? [tables, ...(await runs(given, io))] : [tables]
  } catch {
    return runs(given, io) // it has the cause
  }
}

/** How the tables of a store stand to this code. */
function tablesOf({ found, oldest, newest }: StoreVersion): Finding {
  const subject = 'tables'
  if (found === undefined)
    return { subject, level: 'note', text: 'none yet', hint: 'The first program that uses the store makes them.' }
  if (found === newest) return { subject, level: 'ok', text: `version ${found}, that of this Teasel` }
  if (found > newest)
    return {
      ...{ subject, level: 'fault', text: `version ${found}, but this Teasel reads up to ${newest}` },
      hint: 'A newer Teasel has brought them up to date. Use that one or a later one: npm install teasel@latest',
    }
  if (found < oldest)
    return {
      ...{ subject, level: 'fault', text: `version ${found}, but this Teasel reads ${oldest} to ${newest}` },
      hint: 'Use the Teasel that wrote them, or another store.',
    }
  return {
    ...{ subject, level: 'note', text: `version ${found}; this Teasel writes ${newest}` },
    hint: 'The first program or command with this Teasel that opens the store brings them up to date. An older Teasel cannot open it then: update every process first. Runs were not counted.',
  }
}

async function runs(given: Given, io: Io): Promise<readonly Finding[]> {
  const { store, url, burr, dir } = placesOf(given, io)
  if (store === undefined && url === undefined && burr === undefined && !existsSync(dir)) return []
  const subject = store !== undefined ? 'store' : url !== undefined ? 'server' : 'runs'
  try {
    await using source = await openSource(given, io)
    const counts = await source.reader.count({ partitionKey: '*', status: LOOKED })
    const text = LOOKED.flatMap((status) => (counts[status] ? [`${counts[status]} ${status}`] : [])).join(', ')
    const interrupted = counts.interrupted ?? 0
    return [
      { subject, level: 'ok', text: `${source.place}: ${text === '' ? 'nothing open, nothing failed' : text}` },
      ...(counts.unreadable === undefined
        ? []
        : [{ subject, level: 'fault', text: `${counts.unreadable} unreadable`, hint: 'teasel runs ls' } as const]),
      ...(interrupted === 0
        ? []
        : [
            {
              subject: 'interrupted',
              level: 'note' as const,
              text: interrupted === 1 ? '1 run has lost its process' : `${interrupted} runs have lost their process`,
              hint: 'teasel runs ls --status interrupted, then teasel resume RUN',
            },
          ]),
    ]
  } catch (error) {
    const place = store ?? url ?? burr ?? dir
    return [{ subject, level: 'fault', text: `${withoutPassword(place)} cannot be read. ${messageOf(error)}` }]
  }
}

function port(): Promise<Finding> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () =>
      resolve({
        subject: 'page',
        level: 'note',
        text: `port ${PORT} is in use`,
        hint: 'By a page that is open already, or give --port; `teasel ui` takes the next one.',
      }),
    )
    server.listen(PORT, '127.0.0.1', () =>
      server.close(() => resolve({ subject: 'page', level: 'ok', text: `port ${PORT} is free` })),
    )
  })
}
