import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { toMermaid } from 'teasel/visualize'
import { graph as sideBySide } from '../../examples/01-side-by-side.js'
import { graph as manyPrompts } from '../../examples/02-many-prompts.js'
import { graph as manyModels } from '../../examples/03-many-models.js'
import { graph as promptsByModels } from '../../examples/04-prompts-by-models.js'
import { graph as tools } from '../../examples/05-tools.js'
import { library, graph as twoSearches } from '../../examples/06-two-searches.js'
import { graph as subGraph } from '../../examples/07-sub-graph.js'
import { graph as nestedMaps } from '../../examples/08-nested-maps.js'
import { readerGraph as byHand } from '../../examples/09-by-hand.js'
import { graph as inAMachine } from '../../examples/10-in-a-machine.js'
import { answerGraph } from '../../examples/11-fast-and-slow.js'
import { hedgeGraph } from '../../examples/13-hedged-calls.js'
import { graph as argument } from '../../examples/14-branches-that-argue.js'
import { countGraph } from '../../examples/15-server-sent-events.js'
import { graph as approvals } from '../../examples/18-approvals.js'
import { quotesGraph } from '../../examples/19-budget.js'
import { graph as stuckTools } from '../../examples/20-stuck-tools.js'
import { graph as inReact } from '../../examples/21-react.js'
import { graph as inspected } from '../../examples/22-inspector.js'
import { drawn, graphOf } from '../../examples/23-from-json.js'
import { graph as ownExecutor } from '../../examples/24-own-executor.js'
import { graph as cores } from '../../examples/25-cores.js'
import { graph as killed } from '../../examples/26-killed.js'
import { raceGraph } from '../../examples/28-model-race.js'
import { graph as refunds } from '../../examples/backend/refunds.js'
import { graph as cluster } from '../../examples/cluster/survey.js'
import { jobGraph } from '../../examples/jobs/graph.js'
import { plannerGraph } from '../../examples/planners/planner.js'
import { researchGraph } from '../../examples/research/graph.js'
import { readPages } from './documents.js'
import { runSnippets } from './snippet-runs.js'
import { programsOf } from './snippets.js'
import { ROOT } from './vitest-report.js'

// `npx tsx test/tools/pictures.ts` draws the pictures again, in README, guides and examples.

const wide = { direction: 'LR', depth: 2 } as const
const later = async (): Promise<void> => {}
const main = researchGraph(library).runnable({ entrypoint: 'plan' })

/** The picture that each file has to show. */
export const pictures: Readonly<Record<string, string>> = {
  'examples/guide/machines-and-pictures.md': toMermaid(main, wide),
  'examples/01-side-by-side.ts': toMermaid(sideBySide.runnable({ entrypoint: 'measureAll' }), wide),
  'examples/02-many-prompts.ts': toMermaid(manyPrompts.runnable({ entrypoint: 'prepare' }), wide),
  'examples/03-many-models.ts': toMermaid(manyModels.runnable({ entrypoint: 'compare' }), wide),
  'examples/04-prompts-by-models.ts': toMermaid(promptsByModels.runnable({ entrypoint: 'askAll' }), wide),
  'examples/05-tools.ts': toMermaid(tools.runnable({ entrypoint: 'useTools' }), wide),
  'examples/06-two-searches.ts': toMermaid(twoSearches.runnable({ entrypoint: 'prepare' }), wide),
  'examples/07-sub-graph.ts': toMermaid(subGraph.runnable({ entrypoint: 'fetchText' }), wide),
  'examples/08-nested-maps.ts': toMermaid(nestedMaps.runnable({ entrypoint: 'compare' }), wide),
  'examples/09-by-hand.ts': toMermaid(byHand.runnable({ entrypoint: 'readOne' }), wide),
  'examples/10-in-a-machine.ts': toMermaid(inAMachine.runnable({ entrypoint: 'readNext' }), wide),
  'examples/11-fast-and-slow.ts': toMermaid(
    answerGraph(library, { more: false }).runnable({ entrypoint: 'answer' }),
    wide,
  ),
  'examples/12-planners.ts': toMermaid(plannerGraph(library, later).runnable({ entrypoint: 'plan' }), wide),
  'examples/13-hedged-calls.ts': toMermaid(hedgeGraph('', []).runnable({ entrypoint: 'hedge' }), wide),
  'examples/14-branches-that-argue.ts': toMermaid(argument.runnable({ entrypoint: 'argue' }), wide),
  'examples/15-server-sent-events.ts': toMermaid(
    countGraph({ cleaned() {} }, later).runnable({ entrypoint: 'count' }),
    wide,
  ),
  'examples/16-jobs-that-survive.ts': toMermaid(jobGraph(async () => '').runnable({ entrypoint: 'all' }), wide),
  'examples/17-backend.ts': toMermaid(refunds.runnable({ entrypoint: 'research' }), wide),
  'examples/18-approvals.ts': toMermaid(approvals.runnable({ entrypoint: 'review' }), wide),
  'examples/19-budget.ts': toMermaid(quotesGraph(1).runnable({ entrypoint: 'readAll' }), wide),
  'examples/20-stuck-tools.ts': toMermaid(stuckTools.runnable({ entrypoint: 'useTools' }), wide),
  'examples/21-react.ts': toMermaid(inReact.runnable({ entrypoint: 'find' }), wide),
  'examples/22-inspector.ts': toMermaid(inspected.runnable({ entrypoint: 'compare' }), wide),
  'examples/23-from-json.ts': toMermaid(graphOf(drawn).graph.runnable({ entrypoint: 'liberty' }), wide),
  'examples/24-own-executor.ts': toMermaid(ownExecutor.runnable({ entrypoint: 'all' }), wide),
  'examples/25-cores.ts': toMermaid(cores.runnable({ entrypoint: 'compareAll' }), wide),
  'examples/26-killed.ts': toMermaid(killed.runnable({ entrypoint: 'race' }), wide),
  'examples/27-cluster.ts': toMermaid(cluster.runnable({ entrypoint: 'survey' }), wide),
  'examples/28-model-race.ts': toMermaid(raceGraph({}).runnable({ entrypoint: 'race' }), wide),
}

const FENCE = /^(\/\/ )?```mermaid\n[\s\S]*?^(?:\/\/ )?```$/m

/** The fenced block with the picture of a file; undefined without one. */
export const shownIn = (text: string): string | undefined => FENCE.exec(text)?.[0]

/** The block that a file has to contain: in a program it is in comments. */
export function blockOf(file: string, picture: string): string {
  const lines = ['```mermaid', ...picture.split('\n'), '```']
  return lines.map((line) => (file.endsWith('.ts') ? `// ${line}` : line)).join('\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [file, picture] of Object.entries(pictures)) {
    const text = readFileSync(`${ROOT}/${file}`, 'utf8')
    writeFileSync(
      `${ROOT}/${file}`,
      text.replace(FENCE, () => blockOf(file, picture)),
    )
  }
  for (const { path, text } of readPages()) {
    const drawn = programsOf(path, text).filter(({ picture }) => picture !== undefined)
    let redrawn = text
    for (const [{ picture = '' }, run] of runSnippets(drawn, `${ROOT}/.cache/pictures`))
      redrawn = redrawn.replace(picture, () => run.picture ?? picture)
    if (redrawn !== text) writeFileSync(`${ROOT}/${path}`, redrawn)
  }
}
