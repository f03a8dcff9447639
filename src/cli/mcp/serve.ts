import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { messageOf } from '../../internal/guards.js'
import { suggest } from '../../internal/nearest.js'
import { CommandError } from '../command-error.js'
import type { Given } from '../given.js'
import type { Io } from '../io.js'
import { note, piece } from '../print.js'
import { openSource, type RunSource } from '../run-source.js'
import { versionText } from '../version.js'
import { ACTING_TOOLS } from './acting-tools.js'
import { docsTool } from './docs-tool.js'
import { READING_TOOLS } from './reading-tools.js'
import { type Answer, answerOf, errorAnswer } from './told.js'
import { type Place, schemaOf, type Tool, ToolArgs } from './tool.js'

// Owns: a server of tools for one client, from its connection to its end.
// Does not own: how the client is connected (commands/mcp.ts).
// M1  A tool never fails its server: whatever is given, its answer is a result or an error with `code`.
// M2  The server ends with its connection: requests to another server are aborted, and the source is closed.

/** The parts of the SDK, which is loaded only by this command. @throws {CommandError} `no-package` */
export async function loadSdk(load: () => Promise<Sdk> = imported): Promise<Sdk> {
  try {
    return await load()
  } catch (cause) {
    throw new CommandError('no-package', '`teasel mcp` needs the package @modelcontextprotocol/sdk.', {
      hint: 'npm install @modelcontextprotocol/sdk',
      cause,
    })
  }
}

type Sdk = Awaited<ReturnType<typeof imported>>

async function imported() {
  const [{ Server }, { CallToolRequestSchema, ListToolsRequestSchema }, { StdioServerTransport }] = await Promise.all([
    import('@modelcontextprotocol/sdk/server/index.js'),
    import('@modelcontextprotocol/sdk/types.js'),
    import('@modelcontextprotocol/sdk/server/stdio.js'),
  ])
  return { Server, CallToolRequestSchema, ListToolsRequestSchema, StdioServerTransport }
}

const INSTRUCTIONS =
  'Runs of Teasel, an actor-model runtime for TypeScript. Call list_runs, then describe_run; steps and state have the details. An error has `code` and often a `hint`. Before you write a program with Teasel, call search_docs.'

/** Serves the tools over a connection, until it is closed. */
export async function serveTools(transport: Transport, sdk: Sdk, given: Given, io: Io): Promise<void> {
  const ended = new AbortController()
  const fetchHere: typeof fetch = (input, init) =>
    (io.fetch ?? fetch)(input, {
      ...init,
      signal: init?.signal ? AbortSignal.any([ended.signal, init.signal]) : ended.signal, // M2
    })
  let opened: Promise<RunSource> | undefined
  const at: Place = {
    partition: given.text('partition'),
    source() {
      opened ??= openSource(given, { ...io, fetch: fetchHere }).catch((error: unknown) => {
        opened = undefined // It may be there at the next call.
        throw error
      })
      return opened
    },
  }
  const tools = [...READING_TOOLS, docsTool(), ...(given.flag('allow-actions') ? ACTING_TOOLS : [])]
  const server = new sdk.Server(
    { name: 'teasel', version: versionText() },
    { capabilities: { tools: {} }, instructions: INSTRUCTIONS },
  )
  const calls = new Set<Promise<Answer>>()
  server.setRequestHandler(sdk.ListToolsRequestSchema, () => ({ tools: tools.map(listed) }))
  server.setRequestHandler(sdk.CallToolRequestSchema, async ({ params }) => {
    const call = called(tools, params.name, params.arguments, at)
    calls.add(call)
    try {
      return await call
    } finally {
      calls.delete(call)
    }
  })
  server.onerror = (error) => note(io, [piece(messageOf(error), 'yellow')])
  try {
    const closed = new Promise<void>((resolve) => {
      server.onclose = resolve
    })
    await server.connect(transport)
    await closed
  } finally {
    ended.abort()
    await Promise.allSettled(calls)
    await opened?.then((source) => source[Symbol.asyncDispose]()).catch(() => {})
  }
}

/** A tool, as the client sees it. */
const listed = (tool: Tool) => ({
  name: tool.name,
  description: tool.description,
  inputSchema: schemaOf(tool),
  annotations: {
    readOnlyHint: tool.acts === undefined,
    ...(tool.acts !== undefined && { destructiveHint: tool.acts === 'destroys', idempotentHint: false }),
    openWorldHint: false,
  },
})

/** The answer of a tool. Never rejects. M1 */
async function called(tools: readonly Tool[], name: string, args: unknown, at: Place): Promise<Answer> {
  try {
    const tool = tools.find((one) => one.name === name)
    if (tool === undefined) throw unknownTool(tools, name)
    return answerOf(await tool.call(new ToolArgs(tool, args), at))
  } catch (error) {
    return errorAnswer(error)
  }
}

function unknownTool(tools: readonly Tool[], name: string): CommandError {
  if (ACTING_TOOLS.some((one) => one.name === name))
    return new CommandError('read-only', `This server only reads: it has no ${name}.`, {
      hint: 'Start it with --allow-actions: teasel mcp --allow-actions',
    })
  const names = tools.map((one) => one.name)
  return new CommandError(
    'no-tool',
    `There is no tool "${name.slice(0, 100)}". ${suggest(name.slice(0, 100), names, 'tools')}`,
  )
}
