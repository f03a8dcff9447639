import { compareCursors } from 'teasel/codec'
import type { Host } from 'teasel/host'
import { type Persister, RUN_STATUSES } from 'teasel/persistence'
import { z } from 'zod'
import { type Answer, type Call, HttpError } from './http.js'
import { framesOf, type LiveEvents } from './live.js'
import { approval, type refunds } from './refunds.js'

const request = z.object({ order: z.string().min(1), amount: z.number().positive(), customer: z.string() })
const decision = z.object({ question: z.string(), approved: z.boolean(), by: z.string() })
const withdrawal = z.object({ reason: z.string().optional() })

/** The routes of an instance. Each of them does the same in every instance on the store. */
export function routesOf(host: Host<{ readonly refunds: typeof refunds }>, persister: Persister, live: LiveEvents) {
  return async function route({ method, url, headers, body }: Call): Promise<Answer> {
    const [, first = '', runId = '', verb = ''] = url.pathname.split('/').map(decodeURIComponent)
    const query = (name: string) => url.searchParams.get(name) ?? undefined
    const page = { limit: Number(query('limit') ?? 50), after: query('after') }
    switch (`${method} /${first}${runId && '/:id'}${verb && `/${verb}`}`) {
      case 'POST /runs': {
        if (host.health().status === 'draining') throw new HttpError(503, 'This instance is shutting down.')
        const { order, amount, customer } = request.parse(await body())
        const title = `Refund of ${amount} for order ${order}`
        const started = { appId: `refund-${order}`, state: { order, amount }, labels: { customer }, title }
        const { runId, created } = await host.start('refunds', started)
        return { status: created ? 201 : 200, body: { runId, created } } // the same request again changes nothing
      }
      case 'GET /runs': {
        const status = RUN_STATUSES.filter((one) => url.searchParams.getAll('status').includes(one))
        const customer = query('customer')
        const labels = customer === undefined ? {} : { customer }
        const runs = { ...page, labels, text: query('text'), status: status.length > 0 ? status : undefined }
        return { status: 200, body: await persister.list(runs) }
      }
      case 'GET /runs/:id': {
        const tree = await persister.describe({ runId })
        if (tree === undefined) throw new HttpError(404, `There is no run "${runId}".`)
        return { status: 200, body: { ...tree, state: await persister.state({ runId }) } }
      }
      case 'GET /runs/:id/events': {
        const position = headers['last-event-id']?.toString() ?? query('after')
        if (position !== undefined) compareCursors(position, position) // a SyntaxError for another text
        if ((await persister.describe({ runId, depth: 1 })) === undefined)
          throw new HttpError(404, `There is no run "${runId}".`)
        return { frames: framesOf(persister, live, runId, position) }
      }
      case 'GET /pending':
        return { status: 200, body: await persister.pending(page) }
      case 'POST /runs/:id/answer': {
        const { question, ...answer } = decision.parse(await body())
        const open = (await persister.describe({ runId, depth: 1 }))?.root.pending ?? []
        if (!open.some(({ id, answered }) => id === question && !answered))
          throw new HttpError(409, `The question "${question}" is not open.`)
        return { status: 202, body: { delivery: await host.send(approval(answer), { runId }) } }
      }
      case 'POST /runs/:id/cancel': {
        const result = await host.cancel({ runId, reason: withdrawal.parse(await body()).reason })
        return { status: result === 'unknown' ? 404 : result === 'ended' ? 409 : 202, body: { result } }
      }
      case 'GET /health': {
        const { status, running, concurrency, lookedAt } = host.health()
        return { status: status === 'ok' ? 200 : 503, body: { status, running, concurrency, lookedAt } }
      }
      default:
        throw new HttpError(404, `There is no ${method} ${url.pathname}.`)
    }
  }
}
