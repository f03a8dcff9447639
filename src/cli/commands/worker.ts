import { createServer } from 'node:http'
import { isRegistry, type Registry } from '../../executor/registry.js'
import type { Hosted } from '../../host/hosted.js'
import { messageOf } from '../../internal/guards.js'
import type { JobWorker } from '../../jobs/job-worker.js'
import type { CommandCode } from '../command.js'
import { CommandError, EXIT, type ExitCode, usageError } from '../command-error.js'
import type { Given } from '../given.js'
import { isHosted } from '../graphs.js'
import type { Io } from '../io.js'
import { fixed, note, piece, printJson } from '../print.js'
import { loadFrom } from '../program.js'
import { openStore, withoutPassword } from '../run-source.js'

// Owns: `teasel worker`: the branches of registries from a queue, or the runs of a store.

interface Code {
  readonly registries: readonly Registry[]
  readonly graphs: Readonly<Record<string, Hosted<object, object>>>
}

/** `teasel worker`. */
export const worker: CommandCode = async (given, io) => {
  const code = await codeOf(given.args, io)
  const [queue, store] = [given.text('redis'), given.text('store') ?? io.env['TEASEL_STORE']]
  if (queue !== undefined) return serveQueue(queue, store, code, given, io)
  if (store === undefined)
    throw usageError(
      'A worker needs a queue or a store.',
      '--redis redis://127.0.0.1:6379 for the branches of registries, --store postgres://… for whole runs.',
    )
  return serveStore(store, code, given, io)
}

/** The registries and hosted graphs that modules export. */
async function codeOf(files: readonly string[], io: Io): Promise<Code> {
  const registries: Registry[] = []
  const graphs: Record<string, Hosted<object, object>> = {}
  for (const file of files) {
    const all = await loadFrom(file, io)
    for (const [name, value] of Object.entries(all)) {
      if (isRegistry(value)) registries.push(value)
      else if (isHosted(value)) graphs[name] = value
    }
  }
  if (registries.length === 0 && Object.keys(graphs).length === 0)
    throw new CommandError('no-export', `${files.join(', ')} export no registry and no hosted graph.`, {
      hint: 'export const registry = defineRegistry({ … }), or export const orders = hosted(graph, { entrypoint })',
    })
  return { registries, graphs }
}

async function serveQueue(
  connection: string,
  store: string | undefined,
  { registries, graphs }: Code,
  given: Given,
  io: Io,
): Promise<ExitCode> {
  const hasRuns = Object.keys(graphs).length > 0 && store !== undefined
  const { createWorker } = await import('../../adapters/bullmq/index.js').catch((cause: unknown) => {
    throw new CommandError('no-package', 'A worker of a queue needs the packages bullmq and ioredis.', {
      hint: 'npm install bullmq ioredis',
      cause,
    })
  })
  const persister = hasRuns ? await openStore(store, io) : undefined
  const isolation = given.text('isolation') as 'inline' | 'thread' | 'process' | undefined
  const [queue, concurrency] = [given.text('queue'), given.whole('concurrency', 1)]
  try {
    const made = createWorker({
      connection,
      registries,
      ...(queue !== undefined && { queue }),
      ...(concurrency !== undefined && { concurrency }),
      ...(isolation !== undefined && { isolation }),
      ...(persister !== undefined && { persister, graphs }),
    })
    await using _ = made
    const end = io.onInterrupt(drained(io, () => made.close()))
    try {
      await made.ready
      await using http = await healthOf(made, given)
      const names = [...registries.flatMap((one) => one.names), ...(hasRuns ? Object.keys(graphs) : [])]
      await ready(`${withoutPassword(connection)} ${queue ?? 'teasel'}`, names, http.address, given, io)
      await made.closed
    } finally {
      end()
    }
    return EXIT.done
  } finally {
    await persister?.[Symbol.asyncDispose]()
  }
}

/** A host: it runs what is due in a store. */
async function serveStore(store: string, { graphs }: Code, given: Given, io: Io): Promise<ExitCode> {
  if (Object.keys(graphs).length === 0)
    throw usageError('A worker of a store needs hosted graphs.', 'export const orders = hosted(graph, { entrypoint })')
  const { createHost } = await import('../../host/create-host.js')
  const persister = await openStore(store, io, true)
  const concurrency = given.whole('concurrency', 1)
  try {
    const host = createHost({ persister, graphs, signals: [], ...(concurrency !== undefined && { concurrency }) })
    const stopped = new Promise<void>((resolve) => {
      const end = io.onInterrupt(
        drained(io, async () => {
          await host.close()
          end()
          resolve()
        }),
      )
    })
    await ready(withoutPassword(store), Object.keys(graphs), undefined, given, io)
    await stopped
    return EXIT.done
  } finally {
    await persister[Symbol.asyncDispose]()
  }
}

/** The first Ctrl+C drains, the second one ends the process. */
function drained(io: Io, close: () => Promise<void>): () => void {
  let times = 0
  return () => {
    times += 1
    if (times > 1) process.exit(EXIT.cancelled)
    note(io, [piece('Draining. Press Ctrl+C again to stop at once.', 'yellow')])
    void close().catch((error: unknown) => note(io, [fixed('✕ ', 'red'), piece(messageOf(error))]))
  }
}

async function ready(
  place: string,
  names: readonly string[],
  health: string | undefined,
  given: Given,
  io: Io,
): Promise<void> {
  if (given.flag('json')) return printJson(io, { ready: true, place, names, ...(health !== undefined && { health }) })
  note(io, [fixed('✓ ', 'green'), piece(`${place}: ${names.join(', ')}`)])
  if (health !== undefined) note(io, [piece(`health and metrics: ${health}`, 'dim')])
}

/** The server of `/healthz` and `/metrics`, where a port is given. */
async function healthOf(
  made: JobWorker,
  given: Given,
): Promise<AsyncDisposable & { readonly address: string | undefined }> {
  const port = given.whole('port', 0, 65_535)
  if (port === undefined) return { address: undefined, [Symbol.asyncDispose]: () => Promise.resolve() }
  const server = createServer(made.handler)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, resolve)
  })
  const bound = server.address()
  return {
    address: `http://127.0.0.1:${typeof bound === 'object' && bound !== null ? bound.port : port}/healthz`,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  }
}
