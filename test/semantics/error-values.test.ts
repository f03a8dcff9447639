import * as esbuild from 'esbuild'
import * as core from 'teasel'
import { type ActionError, createApplication, defineState, TeaselError } from 'teasel'
import * as persistence from 'teasel/persistence'
import { describe, expect, it } from 'vitest'
import { quiet } from '../support/quiet-logger.js'

interface Work {
  n: number
}
const kit = defineState<Work>()
const failing = (thrown: unknown) =>
  kit.action({
    reads: [],
    writes: ['n'],
    async run() {
      await null
      throw thrown
    },
  })
const appOf = (action: ReturnType<typeof failing>) =>
  createApplication(kit.graph({ actions: { action } }), { entrypoint: 'action', state: {}, logger: quiet })
const failureOf = async (action: ReturnType<typeof failing>) =>
  (await appOf(action)
    .run()
    .catch((thrown: unknown) => thrown)) as ActionError
/** A map of two branches, of a map of two that fail. */
const nested = (thrown: unknown) => {
  const map = (action: ReturnType<typeof failing>) =>
    kit.mapActions({ reads: [], writes: ['n'], actions: { a: action, b: action }, reduce: () => ({ n: 1 }) })
  return map(map(failing(thrown)))
}

describe('the class of an error', () => {
  const classes = Object.entries({ ...core, ...persistence }).filter(
    ([, Class]) => typeof Class === 'function' && Class.prototype instanceof TeaselError,
  )

  it('has its name, also in a bundle that shortens every name', async () => {
    const { outputFiles } = await esbuild.build({
      stdin: {
        contents: "export * from './src/index.ts'; export * from './src/persistence/index.ts'",
        resolveDir: '.',
      },
      bundle: true,
      minify: true,
      keepNames: false,
      write: false,
      format: 'esm',
      external: ['xstate'],
    })
    const text = outputFiles[0]?.text.replaceAll(/from\s*"xstate"/g, `from "${import.meta.resolve('xstate')}"`) ?? ''
    const bundle = (await import(`data:text/javascript;base64,${Buffer.from(text).toString('base64')}`)) as Record<
      string,
      { readonly name: string }
    >

    const names = classes.map(([name]) => bundle[name]?.name)

    expect(names).toEqual(classes.map(([name]) => name))
    expect(names).toEqual(expect.arrayContaining(['ContractError', 'PersistenceError', 'MissingInputError']))
  })
})

describe('an error', () => {
  it('has the innermost cause of all, through maps and branches', async () => {
    const thrown = new RangeError('the first of all', { cause: 'a text' })

    const failures = [
      await failureOf(failing(thrown)),
      await failureOf(nested(thrown)),
      await failureOf(failing(undefined)),
    ]

    expect(failures.map(({ code, rootCause }) => [code, rootCause])).toEqual([
      ['action', 'a text'],
      ['parallel', 'a text'],
      ['action', failures[2]],
    ])
  })

  it('is JSON with its code, message, fields and causes', async () => {
    const ring: Record<string, unknown> = { big: 1n, at: new Date(0), none: undefined }
    ring['ring'] = ring
    const thrown: Error = Object.assign(new RangeError('bad'), {
      status: 429,
      ring,
    })
    thrown.cause = thrown
    const get = (): never => {
      throw thrown
    }
    Object.defineProperty(thrown, 'hidden', { get, enumerable: true })

    const told: unknown = JSON.parse(JSON.stringify(await failureOf(failing(thrown))))

    const circle = 'a circular reference'
    expect(told).toEqual({
      name: 'ActionError',
      code: 'action',
      message: 'Action "action" failed (step 0): bad',
      action: 'action',
      sequenceId: 0,
      path: '',
      attempt: 1,
      cause: {
        name: 'RangeError',
        message: 'bad',
        status: 429,
        hidden: 'cannot be read',
        ring: { big: '1', at: '1970-01-01T00:00:00.000Z', ring: circle },
        cause: circle,
      },
    })
  })

  it('has the caller of the run, the step or the stream in its stack', async () => {
    const app = () => appOf(failing(new Error('x')))
    const ways = {
      awaitsTheRun: async () => void (await app().run()),
      awaitsTheStep: async () => void (await app().step()),
      async readsTheStream() {
        for await (const event of app().stream()) void event
      },
      async readsTheSteps() {
        for await (const step of app().iterate()) void step
      },
    }

    const named = Object.entries(ways).map(async ([name, way]) => {
      const { stack = '' } = (await way().catch((thrown: unknown) => thrown)) as Error
      return stack.includes(name)
    })

    expect(await Promise.all(named)).toEqual([true, true, true, true])
  })

  it('leaves the stack of the thrown error unchanged', async () => {
    const thrown = new Error('x')
    const { stack } = thrown

    await failureOf(failing(thrown))

    expect(thrown.stack).toBe(stack)
  })
})

describe('a stream reader', () => {
  it('differs from a plain object by its tag', () => {
    const app = appOf(failing(1))

    const tags = [app.stream(), app.iterate(), app.events()].map((one) => Object.prototype.toString.call(one))

    expect(tags).toEqual(Array(3).fill('[object AsyncGenerator]'))
  })
})
