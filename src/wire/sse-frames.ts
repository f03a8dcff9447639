/** One frame of a stream of Server-Sent Events. */
export interface Frame {
  readonly event: string
  readonly data: string
  readonly id: string | undefined
}

/** Reads the frames of a stream, as the HTML standard parses them. Leaving it cancels the stream. */
export async function* readFrames(body: ReadableStream<Uint8Array>): AsyncGenerator<Frame, void, void> {
  const decoder = new TextDecoder()
  const reader = body.getReader()
  const parser = new FrameParser()
  let ended = false
  try {
    for (;;) {
      const { done, value } = await reader.read()
      ended = done
      if (done) return
      yield* parser.push(decoder.decode(value, { stream: true }))
    }
  } finally {
    if (!ended) await reader.cancel().catch(() => {})
  }
}

/** Lines may end with CR, LF or both, and be cut anywhere. */
class FrameParser {
  #rest = ''
  #event = ''
  #data: string[] = []
  #id: string | undefined;

  *push(chunk: string): Generator<Frame, void, void> {
    const text = this.#rest + chunk
    // A CR at the end may be half of a line end.
    const whole = text.endsWith('\r') ? text.slice(0, -1) : text
    const lines = whole.split(/\r\n|\r|\n/)
    this.#rest = (lines.pop() ?? '') + text.slice(whole.length)
    for (const line of lines) {
      const frame = this.#line(line)
      if (frame !== undefined) yield frame
    }
  }

  /** @returns a frame at an empty line that ends one */
  #line(line: string): Frame | undefined {
    if (line === '') return this.#end()
    const colon = line.indexOf(':')
    if (colon === 0) return undefined // a comment
    const name = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (name === 'event') this.#event = value
    else if (name === 'data') this.#data.push(value)
    else if (name === 'id' && !value.includes('\0')) this.#id = value
    return undefined
  }

  #end(): Frame | undefined {
    const [event, data] = [this.#event, this.#data]
    this.#event = ''
    this.#data = []
    return data.length === 0
      ? undefined
      : { event: event === '' ? 'message' : event, data: data.join('\n'), id: this.#id }
  }
}
