import type { Options } from './command.js'
import { SOURCE } from './run-source.js'

/** The options of `teasel graph`; a marker in a text takes them too. */
export const GRAPH_OPTIONS: Options = {
  format: {
    short: 'f',
    value: 'FORMAT',
    values: ['mermaid', 'dot', 'svg', 'machine', 'outline'],
    help: 'Default mermaid',
  },
  depth: { value: 'N', help: 'Levels of branches that are drawn inside maps (default 1)' },
  direction: { value: 'DIR', values: ['TB', 'LR'], help: 'From top to bottom, the default, or from left to right' },
  theme: { value: 'THEME', values: ['light', 'dark'], help: 'Of svg; default light' },
  state: { help: 'Show the keys that actions read and write, in dot and svg' },
  entry: { value: 'ACTION', help: 'The entrypoint of a graph without one' },
  run: { value: 'RUN', help: 'Mark what a run did: statuses, counts, ways taken' },
  ...SOURCE,
}
