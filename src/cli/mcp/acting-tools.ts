import { isPlainObject } from '../../internal/guards.js'
import type { Json } from '../../read/payload.js'
import { printedPath } from '../../read/wire-path.js'
import { cut } from './told.js'
import { FLAG, PATH, type Place, pathOf, RUN, runOf, TEXT, type Tool, type ToolArgs, WHOLE } from './tool.js'

// Owns: the tools that change runs. Only `--allow-actions` makes them.
// Does not own: how a run is changed (ui/actions).

const DRY = { dryRun: FLAG('Only tell what would happen, and change nothing') }

export const ACTING_TOOLS: readonly Tool[] = [
  {
    name: 'answer',
    description: 'Answers an open question of a run. The run goes on where a host or a process waits for it.',
    members: {
      ...RUN,
      question: TEXT('The id of the question. Default: the only one that is open'),
      kind: TEXT('A kind that it takes. Default: the only one'),
      body: { description: 'The answer: any JSON that fits the schema of its kind' },
      ...DRY,
    },
    needed: ['run', 'body'],
    acts: 'adds',
    async call(args, at) {
      const { actions, request } = await targetOf(args, at)
      const pending = args.text('question')
      const kind = args.text('kind')
      const body = args.get<Json>('body') ?? null
      return cut(await actions.answer({ ...request, pending, kind, body }))
    },
  },
  {
    name: 'cancel',
    description: 'Cancels a run for good, one branch of it, or a map: all its branches that have not ended.',
    members: { ...RUN, ...PATH, map: TEXT('A map at that path: fan, or fan#2'), reason: TEXT('Why'), ...DRY },
    needed: ['run'],
    acts: 'destroys',
    async call(args, at) {
      const { actions, request } = await targetOf(args, at)
      const [map, reason] = [args.text('map'), args.text('reason')]
      const part = { ...placeOf(args), ...(map !== undefined && { map }) }
      return cut(await actions.cancel({ ...request, ...part, ...(reason !== undefined && { reason }) }))
    },
  },
  {
    name: 'fork',
    description:
      'Stores a new run that begins at a step of another one. Earlier steps are not run again; later ones are, and may call models and tools.',
    members: {
      ...RUN,
      step: WHOLE('The number of the last step that is kept; -1: the start', -1),
      patch: { type: 'object', description: 'An update over the state of that step' },
      newRun: TEXT('The id of the new run. Default: random'),
      ...DRY,
    },
    needed: ['run', 'step'],
    acts: 'adds',
    async call(args, at) {
      const { actions, request } = await targetOf(args, at)
      const patch = args.get<{ readonly [key: string]: Json }>('patch')
      const newId = args.text('newRun')
      return cut(
        await actions.fork({
          ...{ ...request, at: args.whole('step') ?? -1 },
          ...(isPlainObject(patch) && { patch }),
          ...(newId !== undefined && { newId }),
        }),
      )
    },
  },
]

async function targetOf(args: ToolArgs, at: Place) {
  const { source, run } = await runOf(args, at, true)
  const { runId, partitionKey } = run
  return { actions: await source.actions(), request: { runId, partitionKey, dryRun: args.get<boolean>('dryRun') } }
}

function placeOf(args: ToolArgs): { readonly path?: string } {
  const path = pathOf(args)
  return path.length === 0 ? {} : { path: printedPath(path) }
}
