/** Converts instances of a class to data and back. */
export interface ClassForm<T, Data> {
  /** Converts an instance to data: a valid state value. */
  readonly save: (value: T) => Data
  /** Makes an equal instance from the data. */
  readonly load: (data: Data) => T
}

/** A class whose instances may be part of a state. */
export interface RegisteredClass {
  readonly name: string
  readonly save: (value: unknown) => unknown
  readonly load: (data: unknown) => unknown
}

const byPrototype = new Map<object, RegisteredClass>()
const byName = new Map<string, RegisteredClass>()

/**
 * Allows instances of a class in state: each action that reads one gets a copy, and it is stored under the name.
 *
 * Register a class once, where it is defined. Instances of a subclass need their own registration.
 * @param name stored name; keep it when the class is renamed
 * @throws {TypeError} when another class has the name
 *
 * @example
 * ```ts
 * class Money {
 *   readonly cents: number
 *   constructor(cents: number) {
 *     this.cents = cents
 *   }
 * }
 * registerClass('money', Money, { save: ({ cents }) => cents, load: (cents) => new Money(cents) })
 * ```
 *
 */
export function registerClass<T extends object, Data>(
  name: string,
  type: { readonly prototype: T },
  form: ClassForm<T, Data>,
): void {
  const known = byName.get(name)
  if (known !== undefined && byPrototype.get(type.prototype) !== known) {
    throw new TypeError(
      `registerClass: the name "${name}" is taken by another class. Names are stored; give each its own.`,
    )
  }
  // Type erasure is safe here: `load` gets the value that `save` returned.
  const made = { name, save: form.save, load: form.load } as unknown as RegisteredClass
  byPrototype.set(type.prototype, made)
  byName.set(name, made)
}

/** The registered class of an instance; undefined for any other object. */
export function classOf(value: object): RegisteredClass | undefined {
  if (byPrototype.size === 0) return undefined
  const prototype: unknown = Object.getPrototypeOf(value)
  return typeof prototype === 'object' && prototype !== null ? byPrototype.get(prototype) : undefined
}

/** The registered class with a name. */
export const classNamed = (name: string): RegisteredClass | undefined => byName.get(name)
