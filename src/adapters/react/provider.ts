import { createContext, createElement, type ReactElement, type ReactNode, useContext } from 'react'
import type { RunClient } from '../../client/run-client.js'

// Owns: which client the hooks below a component read with.

const Given = createContext<RunClient | undefined>(undefined)

/** Props of {@link RunClientProvider}. */
export interface RunClientProviderProps {
  /** Made once, outside of components: all hooks below share its one stream. */
  readonly client: RunClient
  readonly children?: ReactNode
}

/**
 * Gives a client to the hooks below it.
 *
 * @example
 * ```ts no-run
 * const client = createRunClient({ baseUrl: 'https://app.example/ui' })
 * const element = createElement(RunClientProvider, { client }, createElement('main'))
 * element.props.client === client // true
 * ```
 */
export function RunClientProvider({ client, children }: RunClientProviderProps): ReactElement {
  return createElement(Given.Provider, { value: client }, children)
}

/**
 * The client of the provider above: it reads what no hook reads, and acts on runs.
 * @throws {TypeError} without a provider
 */
export function useRunClient(): RunClient {
  const client = useContext(Given)
  if (client === undefined)
    throw new TypeError(
      'There is no client here. Put the component into <RunClientProvider client={createRunClient({ baseUrl })}>.',
    )
  return client
}
