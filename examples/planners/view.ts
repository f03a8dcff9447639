import { liveLines, type Screen } from '../live-lines.js'

/** What an agent thinks. */
export interface Thought {
  readonly agent: string
  readonly text: string
}

/** Shows thoughts: in a terminal one line for each agent, drawn again and again; elsewhere a line for each thought. */
export function viewOn(screen: Screen, agents: readonly string[]): (thought: Thought) => void {
  const width = Math.max(...agents.map(({ length }) => length))
  const line = (agent: string, text: string): string => `${agent.padEnd(width)}  ${text}`
  if (screen.isTTY !== true) return ({ agent, text }) => void screen.write(`${line(agent, text)}\n`)
  const draw = liveLines(screen)
  const last = new Map(agents.map((agent) => [agent, '…']))
  return ({ agent, text }) => {
    last.set(agent, text)
    draw([...last].map(([name, said]) => line(name, said).slice(0, (screen.columns || 80) - 1)))
  }
}
