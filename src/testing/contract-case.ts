/** One requirement of a port as a framework-agnostic test. */
export interface ContractCase {
  readonly name: string
  /** Rejects when the requirement is violated. */
  run(): Promise<void>
}

/** A port violates its contract. */
export class ContractBroken extends TypeError {
  override readonly name = 'ContractBroken'
}

/** @throws {ContractBroken} when two values differ, compared member by member */
export function assertSame(label: string, actual: unknown, expected: unknown): void {
  const [is, shall] = [stable(actual), stable(expected)]
  if (is !== shall) throw new ContractBroken(`${label}: expected ${shall}, got ${is}.`)
}

/**
 * Asserts that a function throws or rejects with an error with a code, and returns the error.
 * @throws {ContractBroken} when it does not
 */
export async function assertThrows<E extends Error>(
  label: string,
  work: () => unknown,
  fits: (error: unknown) => error is E,
): Promise<E> {
  try {
    await work()
  } catch (error) {
    if (fits(error)) return error
    throw new ContractBroken(`${label}: it threw another error.`, { cause: error })
  }
  throw new ContractBroken(`${label}: it did not throw.`)
}

function stable(value: unknown): string {
  const sorted = (_: string, item: unknown): unknown =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item
  return JSON.stringify(value, sorted) ?? 'undefined'
}
