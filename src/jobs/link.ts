// Owns: one end of a link between two sessions, over a channel that may lose, double and reorder texts. No timers, no I/O.
// N1  Items arrive in the order in which they were put, each once, as long as packets get through now and then.
// N2  A packet that is not acknowledged is sent again, after a time that doubles up to a bound.
// N3  At most WINDOW packets are unacknowledged; further items wait. The other end keeps no more than that out of order.
// N4  An end that has tasks sends something every PING milliseconds, so that the other end sees that it lives.

/** A packet of a link. */
export interface Packet {
  /** Its number, from 1; 0 where it has no items. */
  readonly n: number
  /** The number up to which the sender has received everything. */
  readonly ack: number
  /** Its items, with line breaks between them. */
  readonly body: string
}

export interface LinkTimes {
  /** Silence after which a packet is sent again, milliseconds; doubled up to `mostResendMs`. */
  readonly resendMs: number
  readonly mostResendMs: number
  /** Silence after which an end that has tasks sends an empty packet, milliseconds. */
  readonly pingMs: number
  /** How long an acknowledgement waits for a packet to go with, milliseconds. */
  readonly ackMs: number
}

export const LINK_TIMES: LinkTimes = { resendMs: 300, mostResendMs: 2_000, pingMs: 2_000, ackMs: 20 }

const WINDOW = 64
/** The most characters of a packet with several items. */
export const PACKET_CHARS = 64 * 1024
/** An acknowledgement does not wait for longer than this many packets. */
const ACK_PACKETS = 16

export class Link {
  /** Tasks that live on it. */
  live = 0
  /** When anything of the other end arrived. */
  heardAt: number
  readonly #times: LinkTimes
  #items: string[] = []
  #sent: { readonly n: number; readonly body: string }[] = []
  #n = 0
  #sentAt: number
  #resendMs: number
  /** When packets were last sent that are not acknowledged. */
  #waitingSince = 0
  /** The number up to which everything has arrived. */
  #received = 0
  readonly #ahead = new Map<number, string>()
  #unacked = 0
  #ackAt = Number.POSITIVE_INFINITY
  #resent = 0

  constructor(now: number, times: LinkTimes = LINK_TIMES) {
    this.#times = times
    this.heardAt = now
    this.#sentAt = now
    this.#resendMs = times.resendMs
  }

  /** Items that the other end has not acknowledged. */
  get isSettled(): boolean {
    return this.#items.length === 0 && this.#sent.length === 0
  }

  /** Packets that were sent again. */
  get resent(): number {
    return this.#resent
  }

  /** Puts an item, which has no line break. It leaves with the next {@link flush}. */
  put(item: string): void {
    this.#items.push(item)
  }

  /** Whether the body of a packet is needed. */
  wants(n: number): boolean {
    return n > this.#received && n <= this.#received + WINDOW && !this.#ahead.has(n)
  }

  /** The packets that are to be sent now. */
  flush(now: number): Packet[] {
    const fresh: Packet[] = []
    while (this.#items.length > 0 && this.#sent.length < WINDOW) {
      const packet = { n: ++this.#n, body: this.#nextBody() }
      if (this.#sent.push(packet) === 1) this.#waitingSince = now
      fresh.push({ ...packet, ack: this.#received })
    }
    if (fresh.length > 0) this.#left(now)
    else if (now >= this.#ackAt) fresh.push(this.#empty(now))
    return fresh
  }

  /** Takes items off the list up to the size of a packet. */
  #nextBody(): string {
    let chars = this.#items[0]?.length ?? 0
    let count = 1
    for (; count < this.#items.length; count++) {
      chars += 1 + (this.#items[count]?.length ?? 0)
      if (chars > PACKET_CHARS) break
    }
    return this.#items.splice(0, count).join('\n')
  }

  #left(now: number): void {
    this.#sentAt = now
    this.#unacked = 0
    this.#ackAt = Number.POSITIVE_INFINITY
  }

  #empty(now: number): Packet {
    this.#left(now)
    return { n: 0, ack: this.#received, body: '' }
  }

  /** When {@link tick} has something to do. */
  get dueAt(): number {
    const { pingMs } = this.#times
    const resend = this.#sent.length > 0 ? this.#waitingSince + this.#resendMs : Number.POSITIVE_INFINITY
    const ping = this.live > 0 ? this.#sentAt + pingMs : Number.POSITIVE_INFINITY
    return Math.min(resend, ping, this.#ackAt)
  }

  /** The packets that are due: again, or empty ones. */
  tick(now: number): Packet[] {
    if (this.#sent.length > 0 && now >= this.#waitingSince + this.#resendMs) {
      this.#resendMs = Math.min(this.#resendMs * 2, this.#times.mostResendMs) // N2
      this.#waitingSince = now
      this.#resent += this.#sent.length
      this.#left(now)
      return this.#sent.map((one) => ({ ...one, ack: this.#received }))
    }
    return now >= this.dueAt ? [this.#empty(now)] : []
  }

  /**
   * Takes a packet.
   * @returns the bodies that are next, in order
   */
  received({ n, ack, body }: Packet, now: number): string[] {
    this.heardAt = now
    this.#acknowledged(ack, now)
    if (n === 0) return []
    this.#unacked += 1
    this.#ackAt = Math.min(this.#ackAt, this.#unacked >= ACK_PACKETS ? now : now + this.#times.ackMs)
    if (!this.wants(n)) {
      this.#ackAt = now // its acknowledgement was lost
      return []
    }
    if (n !== this.#received + 1) {
      this.#ahead.set(n, body)
      this.#ackAt = now
      return []
    }
    const bodies = [body]
    this.#received = n
    for (let next = this.#ahead.get(n + 1); next !== undefined; next = this.#ahead.get(this.#received + 1)) {
      this.#received += 1
      this.#ahead.delete(this.#received)
      bodies.push(next)
    }
    return bodies
  }

  #acknowledged(ack: number, now: number): void {
    const first = this.#sent[0]
    if (first === undefined || ack < first.n) return
    this.#sent = this.#sent.filter(({ n }) => n > ack)
    this.#resendMs = this.#times.resendMs
    this.#waitingSince = now
  }
}
