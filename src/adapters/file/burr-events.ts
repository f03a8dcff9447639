import { type Json, type Payload, payloadOf } from '../../read/payload.js'
import type { WireEvent } from '../../wire/events.js'
import { errorOfTraceback } from './burr-error.js'
import { isRecord, type JsonRecord, ownKeys, recordOf, timeOf } from './burr-log.js'
import type { BurrNode } from './burr-tree.js'
import { readLines, withFile } from './scan.js'

// Owns: the lines of logs of Burr, as events.
// V1  Events of one application have the order of its lines; those of several are joined by their times.
// V2  A line of an unknown type, a torn one, and one without its number or time are skipped.

/** An event before it has its number. */
interface Draft {
  readonly type: WireEvent['type']
  readonly time: number
  readonly fields: Record<string, unknown>
}

/** A step or a span, until all lines are read: its attributes may come after its end. */
interface Section {
  readonly start: Draft
  end: Draft | undefined
  readonly attributes: Record<string, Payload>
}

/** The application of an event. */
type Place = Pick<WireEvent, 'runId' | 'appId' | 'path'>

/** The events of an application and of all below it, as they are now. @param pathOf the log of an application */
export async function burrEvents(
  nodes: readonly BurrNode[],
  runId: string,
  pathOf: (appId: string) => string,
): Promise<readonly WireEvent[]> {
  const all: { readonly draft: Draft; readonly place: Place }[] = []
  for (const { app, path } of nodes) {
    const place = { runId, appId: app.appId, path }
    const drafts = new LineDrafts()
    await withFile(pathOf(app.appId), async (file) => {
      for await (const { lines } of readLines(file, 0)) for (const line of lines) drafts.add(line)
    })
    for (const draft of drafts.all()) all.push({ draft, place })
  }
  all.sort((a, b) => a.draft.time - b.draft.time) // stable: V1
  return all.map(({ draft: { type, time, fields }, place }, seq) => ({
    ...{ type, seq, time, incarnation: 0, ...place },
    ...fields,
  }))
}

class LineDrafts {
  readonly #drafts: Draft[] = []
  readonly #sections: Section[] = []
  readonly #steps = new Map<number, Section>()
  readonly #spans = new Map<string, Section>()
  #last = 0

  /** In the order of their lines, with their attributes. */
  all(): readonly Draft[] {
    for (const { start, end, attributes } of this.#sections) {
      if (Object.keys(attributes).length === 0) continue
      const draft = end ?? (start.type === 'span.start' ? start : undefined) // a step has them with its end
      if (draft !== undefined) draft.fields['attributes'] = attributes
    }
    return this.#drafts
  }

  add(text: string): void {
    const line = recordOf(text)
    const sequenceId = line?.['sequence_id'] ?? line?.['action_sequence_id']
    if (line === undefined || typeof sequenceId !== 'number') return // V2
    switch (line['type']) {
      case 'begin_entry':
        return this.#beginStep(line, sequenceId)
      case 'end_entry':
        return this.#endStep(line, sequenceId)
      case 'suspend_entry':
        return this.#suspend(line, sequenceId)
      case 'begin_span':
        return this.#beginSpan(line, sequenceId)
      case 'end_span':
        return this.#endSpan(line, sequenceId)
      case 'attribute':
        return this.#attribute(line, sequenceId)
      case 'begin_stream':
        return this.#stream(line, sequenceId, line['stream_init_time'])
      case 'first_item_stream':
        return this.#stream(line, sequenceId, line['first_item_time'])
      case 'end_stream':
        return this.#stream(line, sequenceId, line['end_time'])
    }
  }

  #draft(type: Draft['type'], given: Json | undefined, sequenceId: number, fields: Draft['fields']): Draft | undefined {
    const time = timeOf(given)
    if (time === undefined) return undefined // V2
    this.#last = Math.max(this.#last, time) // V1, also where a clock was set back
    const source = this.#steps.get(sequenceId)?.start.fields['source']
    const draft = { type, time: this.#last, fields: { source, sequenceId, ...fields } }
    this.#drafts.push(draft)
    return draft
  }

  #section(start: Draft | undefined): Section | undefined {
    const section = start && { start, end: undefined, attributes: {} }
    if (section !== undefined) this.#sections.push(section)
    return section
  }

  #beginStep({ action, start_time: time, inputs }: JsonRecord, sequenceId: number): void {
    const fields = { source: action, attempt: 1, ...(isRecord(inputs) && { inputs: payloadOf(inputs) }) }
    const section = this.#section(this.#draft('step.start', time, sequenceId, fields))
    if (section !== undefined) this.#steps.set(sequenceId, section)
  }

  #endStep({ action, end_time: time, exception, state }: JsonRecord, sequenceId: number): void {
    const step = this.#steps.get(sequenceId)
    const ended =
      typeof exception === 'string'
        ? { status: 'failed', error: errorOfTraceback(exception) }
        : { status: 'done', recovered: false, ...(isRecord(state) && { state: payloadOf(ownKeys(state)) }) }
    for (const [span, section] of this.#spans)
      if (section.end === undefined && section.start.fields['sequenceId'] === sequenceId)
        this.#close(section, this.#draft('span.end', time, sequenceId, { span, status: 'cut', attributes: {} }))
    const end = this.#draft('step.end', time, sequenceId, { source: action, attempt: 1, ...ended })
    if (step !== undefined) this.#close(step, end)
  }

  #close(section: Section, end: Draft | undefined): void {
    section.end = end
    if (end !== undefined) end.fields['durationMs'] = end.time - section.start.time
  }

  #suspend(line: JsonRecord, sequenceId: number): void {
    const { suspension_id: id, channel, metadata = null, suspend_time: time } = line
    if (typeof id !== 'string' || typeof channel !== 'string') return
    const fields = { id, kinds: [channel], from: 'outside', since: timeOf(time), ask: payloadOf(metadata) }
    this.#draft('wait', time, sequenceId, fields)
  }

  #beginSpan(line: JsonRecord, sequenceId: number): void {
    const { span_id: span, span_name: name, parent_span_id: parent, start_time: time } = line
    if (typeof span !== 'string' || typeof name !== 'string') return
    const fields = { span, name, ...(typeof parent === 'string' && { parent }) }
    const section = this.#section(this.#draft('span.start', time, sequenceId, fields))
    if (section !== undefined) this.#spans.set(span, section)
  }

  #endSpan({ span_id: span, end_time: time }: JsonRecord, sequenceId: number): void {
    const section = typeof span === 'string' ? this.#spans.get(span) : undefined
    if (section === undefined) return
    this.#close(section, this.#draft('span.end', time, sequenceId, { span, status: 'done', attributes: {} }))
  }

  #attribute({ key, span_id: span, value = null }: JsonRecord, sequenceId: number): void {
    const section = typeof span === 'string' ? this.#spans.get(span) : this.#steps.get(sequenceId)
    if (section !== undefined && typeof key === 'string') section.attributes[key] = payloadOf(value)
  }

  /** Burr keeps when a stream began and ended, and how many items it had, but none of them: these are logs. */
  #stream(
    { type, span_id: span, items_streamed: count }: JsonRecord,
    sequenceId: number,
    time: Json | undefined,
  ): void {
    this.#draft('log', time, sequenceId, {
      ...{ level: 'debug', text: type },
      ...(typeof span === 'string' && { span }),
      ...(typeof count === 'number' && { data: { items: count } }),
    })
  }
}
