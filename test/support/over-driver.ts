import type { PersisterDriver } from 'teasel/persistence'

/** A driver over another one: it answers by its own methods where it has them. */
export function overDriver(driver: PersisterDriver, own: Partial<PersisterDriver>): PersisterDriver {
  return new Proxy(driver, {
    get(target, name) {
      if (Object.hasOwn(own, name)) return Reflect.get(own, name)
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
