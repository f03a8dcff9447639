import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { InputError } from 'teasel'
import { PersistenceError } from 'teasel/persistence'
import { ZodError } from 'zod'

// JSON in, JSON or Server-Sent Events out, over node:http alone.

const LONGEST_BODY = 100_000

/** What a route gets. */
export interface Call {
  readonly method: string
  readonly url: URL
  readonly headers: IncomingMessage['headers']
  body(): Promise<unknown>
}

/** What a route gives: data, or frames of Server-Sent Events. */
export type Answer = { readonly status: number; readonly body: unknown } | { readonly frames: AsyncIterable<string> }

/** A fault of the request, or a state in which it cannot be answered. */
export class HttpError extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** Makes a listener for `createServer` out of a function from calls to answers. */
export function answering(route: (call: Call) => Promise<Answer>): RequestListener {
  return async (req, res) => {
    try {
      const { method = 'GET', headers, url = '/' } = req
      const answer = await route({ method, headers, url: new URL(url, 'http://localhost'), body: () => bodyOf(req) })
      if ('frames' in answer) await sendFrames(res, answer.frames)
      else sendJson(res, answer.status, answer.body)
    } catch (error) {
      const [status, message] = faultOf(error)
      if (status === 500) console.error(error)
      if (res.headersSent) res.destroy()
      else sendJson(res, status, { error: message })
    }
  }
}

function sendJson(res: ServerResponse, status: number, body: unknown): void {
  res.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body))
}

/** A slow client is waited for. One that goes ends the frames. */
async function sendFrames(res: ServerResponse, frames: AsyncIterable<string>): Promise<void> {
  res.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
  })
  await pipeline(frames, res).catch((error: unknown) => {
    if (!res.destroyed) throw error
  })
}

async function bodyOf(req: IncomingMessage): Promise<unknown> {
  let text = ''
  for await (const part of req.setEncoding('utf8')) {
    text += part
    if (text.length > LONGEST_BODY) throw new HttpError(413, `The body is longer than ${LONGEST_BODY} characters.`)
  }
  return JSON.parse(text === '' ? '{}' : text)
}

function faultOf(error: unknown): readonly [status: number, message: string] {
  if (error instanceof HttpError) return [error.status, error.message]
  if (error instanceof ZodError || error instanceof SyntaxError || error instanceof URIError || InputError.is(error))
    return [400, error.message]
  if (PersistenceError.is(error) && error.fault === 'unavailable')
    return [503, 'The store is unavailable. Send the request again.']
  return [500, 'The server has failed.']
}
