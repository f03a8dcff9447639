import type { IncomingMessage, ServerResponse } from 'node:http'
import { nodeListener } from './node-listener.js'
import type { UiHandler } from './ui-handler.js'

/** What of Fastify is used: the scope that it gives to a plugin. */
export interface FastifyScope {
  /** Leaves bodies unread in this scope. */
  removeAllContentTypeParsers(): void
  /** Takes bodies of a type. */
  addContentTypeParser(
    type: string,
    parser: (request: unknown, body: unknown, done: (error: null) => void) => void,
  ): unknown
  /** Takes every method at a path. */
  all(
    path: string,
    handler: (
      request: { readonly raw: IncomingMessage },
      reply: { readonly raw: ServerResponse; hijack(): unknown },
    ) => unknown,
  ): unknown
}

/**
 * Makes a plugin of Fastify: `await app.register(fastifyUi(handler))`. It takes the addresses below the `basePath` of the
 * handler; register it without a prefix.
 *
 * Fastify reads a body before its route is called, so that a route that reads it again waits for ever. The plugin reads none
 * in its own scope, and leaves the parsers of all others alone.
 *
 * @example
 * ```ts no-run
 * await app.register(fastifyUi(createUiHandler({ projects, basePath: '/ui' })))
 * ```
 */
export function fastifyUi(handler: UiHandler): (scope: FastifyScope) => Promise<void> {
  const listener = nodeListener(handler)
  return async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, _body, done) => done(null))
    const { basePath } = handler
    for (const path of basePath === '' ? ['/*'] : [basePath, `${basePath}/*`])
      scope.all(path, ({ raw }, reply) => {
        reply.hijack()
        return listener(raw, reply.raw)
      })
  }
}
