import { type Clock, monotonicNow } from '../internal/clock.js'
import { createDeferred, type Deferred } from '../internal/deferred.js'
import { macrotask } from '../internal/platform.js'
import type { EngineDriver } from './engine-driver.js'
import { LINK_TIMES, Link, type LinkTimes, PACKET_CHARS, type Packet } from './link.js'

// Owns: the links of one session, over the channels of an engine: packets as text, large ones by reference, one timer.
// Does not own: what items mean.
// M1  What is put in one turn leaves together, with one call for each channel.
// M2  A packet that is too large for a channel goes by reference. It is fetched once.
// M3  A link that one end has given up is broken at the other end too, as soon as that sends something.
// M4  An end without tasks that is silent is forgotten.

/** How long an end without tasks lives, milliseconds. */
const IDLE_MS = 60_000
/** How many links are remembered that were given up. */
const REMEMBERED = 1_000
/** How long packets under way are waited for at the end, milliseconds. */
const CLOSE_MS = 1_000

/** One end of a link. */
export class LinkEnd {
  readonly id: string
  /** The channel of the other session. */
  readonly peer: string
  readonly link: Link
  readonly #touched: (end: LinkEnd) => void
  isBroken = false

  constructor(id: string, peer: string, link: Link, touched: (end: LinkEnd) => void) {
    this.id = id
    this.peer = peer
    this.link = link
    this.#touched = touched
  }

  /** Puts an item without a line break. */
  put(item: string): void {
    if (this.isBroken) return
    this.link.put(item)
    this.#touched(this)
  }
}

/** What a session does with what arrives. */
export interface MailEvents {
  /** An item of a link. */
  received(end: LinkEnd, item: string): void
  /** A link is over; nothing of it comes any more. */
  broken(end: LinkEnd): void
  /** A text that is no packet. */
  text(text: string): void
}

export interface MailOptions {
  /** The channel of this session. */
  readonly channel: string
  readonly driver: Pick<EngineDriver, 'publish' | 'listen' | 'put' | 'take'>
  readonly clock: Clock
  readonly times?: LinkTimes | undefined
  /** Makes the id of a link; undefined where the other end begins all links. */
  readonly linkId: (() => string) | undefined
}

export class Mail {
  readonly channel: string
  readonly #options: MailOptions
  readonly #events: MailEvents
  /** By id. */
  readonly #ends = new Map<string, LinkEnd>()
  readonly #byPeer = new Map<string, LinkEnd>()
  readonly #gone = new Set<string>()
  /** Packets that are being fetched. */
  readonly #fetching = new Set<string>()
  /** References of packets that went by reference. */
  readonly #references = new Map<string, Promise<string>>()
  #texts = new Map<string, string[]>()
  readonly #touched = new Set<LinkEnd>()
  #scheduled = false
  #timer: unknown
  #timerAt = Number.POSITIVE_INFINITY
  #stop: (() => Promise<void>) | undefined
  readonly #settling = new Set<Deferred<void>>()
  #isClosed = false
  #packets = 0

  constructor(options: MailOptions, events: MailEvents) {
    this.channel = options.channel
    this.#options = options
    this.#events = events
  }

  /** Packets that were sent. */
  get packets(): number {
    return this.#packets
  }

  get size(): number {
    return this.#ends.size
  }

  get ends(): Iterable<LinkEnd> {
    return this.#ends.values()
  }

  #now(): number {
    return monotonicNow(this.#options.clock)
  }

  /** Begins to listen. @throws what the engine throws */
  async open(): Promise<void> {
    const stop = await this.#options.driver.listen(this.channel, (text) => this.#read(text))
    if (this.#isClosed) await stop()
    else this.#stop = stop
  }

  /** The link to a session, made where there is none. */
  to(peer: string): LinkEnd {
    const known = this.#byPeer.get(peer)
    if (known !== undefined) return known
    const { linkId } = this.#options
    return this.#make(linkId?.() ?? '', peer)
  }

  #make(id: string, peer: string): LinkEnd {
    const link = new Link(this.#now(), this.#options.times ?? LINK_TIMES)
    const end = new LinkEnd(id, peer, link, (one) => this.#touch(one))
    this.#ends.set(id, end)
    this.#byPeer.set(peer, end)
    return end
  }

  /** Sends a text that may be lost. */
  publish(channel: string, text: string): void {
    this.#gather(channel, text)
    this.#schedule()
  }

  #gather(channel: string, text: string): void {
    const texts = this.#texts.get(channel)
    if (texts === undefined) this.#texts.set(channel, [text])
    else texts.push(text)
  }

  #touch(end: LinkEnd): void {
    this.#touched.add(end)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled || this.#isClosed) return
    this.#scheduled = true
    macrotask(() => {
      this.#scheduled = false
      this.flush()
    })
  }

  /** Sends what was put, without waiting for the end of the turn. */
  flush(): void {
    const now = this.#now()
    for (const end of this.#touched) this.#send(end, end.link.flush(now))
    this.#touched.clear()
    const all = this.#texts
    this.#texts = new Map()
    for (const [channel, texts] of all) this.#publish(channel, texts)
    this.#arm()
  }

  #publish(channel: string, texts: readonly string[]): void {
    this.#packets += texts.length
    void this.#options.driver.publish(channel, texts).catch(() => {}) // sent again when it is missed
  }

  #send(end: LinkEnd, packets: readonly Packet[]): void {
    for (const packet of packets) {
      if (packet.body.length <= PACKET_CHARS) this.#put(end, 'p', packet, packet.body)
      else void this.#sendLarge(end, packet)
    }
  }

  #put(end: LinkEnd, kind: 'p' | 'r', { n, ack }: Packet, body: string): void {
    this.#gather(end.peer, `${kind}\t${end.id}\t${this.channel}\t${n}\t${ack}\n${body}`)
  }

  /** M2 */
  async #sendLarge(end: LinkEnd, packet: Packet): Promise<void> {
    const key = `${end.id} ${packet.n}`
    const put = this.#references.get(key) ?? this.#options.driver.put(packet.body)
    this.#references.set(key, put)
    try {
      const reference = await put
      if (end.isBroken) return
      this.#put(end, 'r', packet, reference)
      this.#schedule()
    } catch {
      this.#references.delete(key) // put again when it is missed
    }
  }

  #read(text: string): void {
    if (this.#isClosed) return
    const [kind = '', id = '', peer = '', n = '', ack = ''] = headOf(text)
    if (kind === 'x') return this.#brokenThere(id)
    if (kind !== 'p' && kind !== 'r') return this.#events.text(text)
    const body = text.slice(text.indexOf('\n') + 1)
    const packet = { n: Number(n), ack: Number(ack), body }
    const end = this.#ends.get(id) ?? this.#begun(id, peer, packet.n)
    if (end === undefined) return this.publish(peer, `x\t${id}`)
    if (kind === 'p' || !end.link.wants(packet.n)) this.#received(end, packet)
    else void this.#fetch(end, packet)
  }

  /** A link that the other end has begun. */
  #begun(id: string, peer: string, n: number): LinkEnd | undefined {
    if (this.#options.linkId !== undefined || n === 0 || this.#gone.has(id) || peer === '') return undefined
    return this.#make(id, peer)
  }

  async #fetch(end: LinkEnd, packet: Packet): Promise<void> {
    const key = `${end.id} ${packet.n}`
    if (this.#fetching.has(key)) return
    this.#fetching.add(key)
    try {
      const body = await this.#options.driver.take(packet.body)
      if (end.isBroken) return
      if (body === undefined) this.#giveUp(end)
      else this.#received(end, { ...packet, body })
    } catch {
      // It comes again.
    } finally {
      this.#fetching.delete(key)
    }
  }

  #received(end: LinkEnd, packet: Packet): void {
    for (const body of end.link.received(packet, this.#now()))
      for (const item of body.split('\n')) if (!end.isBroken) this.#events.received(end, item)
    if (this.#references.size > 0 && end.link.isSettled) this.#forgetReferences(end)
    this.#touch(end)
    if (this.#settling.size > 0 && this.#isSettled()) for (const one of this.#settling) one.resolve()
  }

  #forgetReferences(end: LinkEnd): void {
    for (const key of this.#references.keys()) if (key.startsWith(`${end.id} `)) this.#references.delete(key)
  }

  #brokenThere(id: string): void {
    const end = this.#ends.get(id)
    if (end === undefined) return
    this.#forget(end)
    this.#events.broken(end)
  }

  /** Ends a link: the other end learns of it. */
  drop(end: LinkEnd): void {
    if (end.isBroken) return
    this.#forget(end)
    this.publish(end.peer, `x\t${end.id}`)
  }

  #giveUp(end: LinkEnd): void {
    this.drop(end)
    this.#events.broken(end)
  }

  #forget(end: LinkEnd): void {
    end.isBroken = true
    this.#ends.delete(end.id)
    if (this.#byPeer.get(end.peer) === end) this.#byPeer.delete(end.peer)
    this.#touched.delete(end)
    this.#forgetReferences(end)
    this.#gone.add(end.id)
    if (this.#gone.size > REMEMBERED) for (const first of this.#gone) return void this.#gone.delete(first)
  }

  /** One timer for all links. */
  #arm(): void {
    let at = Number.POSITIVE_INFINITY
    for (const { link } of this.#ends.values())
      at = Math.min(at, link.dueAt, link.live > 0 ? at : link.heardAt + IDLE_MS)
    if (at >= this.#timerAt || this.#isClosed) return
    const { clock } = this.#options
    clock.clearTimeout(this.#timer)
    this.#timerAt = at
    this.#timer = clock.setTimeout(() => this.#rang(), Math.max(0, at - this.#now()))
  }

  #rang(): void {
    this.#timerAt = Number.POSITIVE_INFINITY
    const now = this.#now()
    for (const end of [...this.#ends.values()]) {
      const { link } = end
      if (link.live === 0 && now - link.heardAt >= IDLE_MS)
        this.drop(end) // M4
      else this.#send(end, link.tick(now))
    }
    this.flush()
  }

  /** Resolves when the other ends have got everything, or after a bounded time. */
  async settled(): Promise<void> {
    this.flush()
    if (this.#isSettled()) return
    const { clock } = this.#options
    const settled = createDeferred<void>()
    const timer = clock.setTimeout(settled.resolve, CLOSE_MS)
    this.#settling.add(settled)
    await settled.promise
    this.#settling.delete(settled)
    clock.clearTimeout(timer)
  }

  #isSettled(): boolean {
    return [...this.#ends.values()].every(({ link }) => link.isSettled)
  }

  /** Sends what is left, for a bounded time, and ends all links. */
  async close(): Promise<void> {
    await this.settled()
    if (this.#isClosed) return
    for (const end of [...this.#ends.values()]) this.drop(end)
    this.flush()
    this.#isClosed = true
    this.#options.clock.clearTimeout(this.#timer)
    await this.#stop?.().catch(() => {})
  }
}

/** The fields of the first line of a text. */
function headOf(text: string): readonly string[] {
  const end = text.indexOf('\n')
  return (end < 0 ? text : text.slice(0, end)).split('\t')
}
