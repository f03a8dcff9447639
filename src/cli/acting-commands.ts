import type { Command, Options } from './command.js'
import { SOURCE } from './run-source.js'

// Owns: the declarations of the commands that run or change something.

const DRY: Options = { 'dry-run': { help: 'Only tell what would happen' } }

const PATCH: Options = {
  patch: {
    value: 'JSON',
    help: 'An update over the state of the step: JSON, a file of it, or - for the standard input',
  },
  set: { value: 'KEY=VALUE', many: true, help: 'A key of that update; JSON, or a text' },
}

/** Options of a run in this process. */
const HERE: Options = {
  input: { short: 'i', value: 'NAME=VALUE', many: true, help: 'An input; JSON, or a text' },
  'halt-after': { value: 'ACTION', many: true, help: 'Halt after this action' },
  'max-steps': { value: 'N', help: 'Fail beyond so many steps' },
  entry: { value: 'ACTION', help: 'The entrypoint of a graph without one' },
  plain: { help: 'A line for each change, as outside of a terminal' },
  'no-track': { help: 'Write no log' },
}

/** Options of a page. */
const PAGE: Options = {
  port: { short: 'p', value: 'N', help: 'Listen on this port, or the next that is free (default 7242); 0: any' },
  host: { value: 'ADDRESS', help: 'Listen on this address (default 127.0.0.1)' },
  token: { value: 'TEXT', help: 'Ask every request for this token; or TEASEL_TOKEN' },
  'no-open': { help: 'Open no browser' },
}

export const ACTING: readonly Command[] = [
  {
    name: 'run',
    args: 'MODULE[#EXPORT]',
    count: [1, 1],
    summary: 'Run a graph, and watch it',
    text: 'The first Ctrl+C cancels the run and waits for its end, the second one stops the process; a run in a store is interrupted, and can be resumed. The outcome is printed at the end; the view goes to the error output.',
    options: {
      ...HERE,
      state: { value: 'FILE', help: 'The initial state, a JSON file; - for the standard input' },
      set: { value: 'KEY=VALUE', many: true, help: 'A key of the initial state; JSON, or a text' },
      id: { value: 'RUN', help: 'The id of the run (default: random)' },
      title: { value: 'TEXT', help: 'A title, for people' },
      label: { value: 'NAME=VALUE', many: true, help: 'A label, for lists' },
      dir: SOURCE['dir'] ?? { help: '' },
      store: { value: 'URL', help: 'Store the run too, to resume it: sqlite:FILE, postgres://… or redis://…' },
      project: { value: 'NAME', help: 'The project in the folder (default `default`)' },
    },
    examples: [
      'run app.ts#graph --set question=Why? --input model=small',
      'run app.ts --state state.json --halt-after draft',
    ],
    load: async () => (await import('./commands/run.js')).run,
  },
  {
    name: 'answer',
    args: 'RUN[/PATH] [BODY]',
    count: [1, 2],
    summary: 'Answer an open question',
    text: 'BODY is JSON, or a text; without one it is read from the standard input. The run goes on where a host or a process waits for it.',
    options: {
      kind: { value: 'KIND', help: 'The kind of the answer, where the question takes several' },
      question: { value: 'ID', help: 'The question, where several are open' },
      ...DRY,
      ...SOURCE,
    },
    examples: ['answer order-7 true', 'answer order-7/review/lead \'{"good":true}\' --kind verdict --dry-run'],
    load: async () => (await import('./commands/acting.js')).answer,
  },
  {
    name: 'cancel',
    args: 'RUN[/PATH]',
    count: [1, 1],
    summary: 'Cancel a run for good, a branch or a map of it',
    options: {
      map: { value: 'MAP', help: 'A map of it: all its branches that have not ended, as `fan` or `fan#2`' },
      reason: { value: 'TEXT', help: 'Why, for the signals of what is cancelled' },
      ...DRY,
      ...SOURCE,
    },
    examples: [
      'cancel order-7 --reason withdrawn --store sqlite:runs.db',
      'cancel order-7/review --map lead --url http://127.0.0.1:7242',
      'cancel order-7 --dry-run --json',
    ],
    load: async () => (await import('./commands/acting.js')).cancel,
  },
  {
    name: 'resume',
    args: 'RUN',
    count: [1, 1],
    summary: 'Go on with a run that failed, halted or was interrupted',
    text: 'Without --run a host of another process goes on with it.',
    options: {
      run: { value: 'MODULE', help: 'Run it in this process, with the graph of this module: app.ts#graph' },
      ...HERE,
      ...DRY,
      ...SOURCE,
    },
    examples: ['resume order-7 --store sqlite:runs.db --run app.ts#graph', 'resume order-7 --dry-run'],
    load: async () => (await import('./commands/run-again.js')).resume,
  },
  {
    name: 'fork',
    args: 'RUN[/PATH]@STEP',
    count: [1, 1],
    summary: 'Start another run from a step of a run',
    text: 'Steps behind that one run again, and may call models and tools; earlier ones do not. Without --run a host of another process runs it.',
    options: {
      ...PATCH,
      id: { value: 'RUN', help: 'The id of the new run (default: random)' },
      run: { value: 'MODULE', help: 'Run it in this process, with the graph of this module: app.ts#graph' },
      ...HERE,
      ...DRY,
      ...SOURCE,
    },
    examples: [
      'fork order-7@3 --set model=large --store sqlite:runs.db --run app.ts',
      'fork order-7@3 --patch p.json --dry-run',
    ],
    load: async () => (await import('./commands/run-again.js')).fork,
  },
  {
    name: 'rewind',
    args: 'RUN[/PATH]@STEP',
    count: [1, 1],
    summary: 'Move a run back to a step',
    text: 'Later steps stay readable. `teasel resume` goes on from there.',
    options: { ...PATCH, ...DRY, ...SOURCE },
    examples: ['rewind order-7@3 --set model=large --store sqlite:runs.db'],
    load: async () => (await import('./commands/acting.js')).rewound,
  },
  {
    name: 'runs rm',
    args: 'RUN…',
    count: [1, 1000],
    summary: 'Delete runs, and all below them',
    options: { ...DRY, ...SOURCE },
    examples: ['runs rm order-7 order-8 --dry-run'],
    load: async () => (await import('./commands/acting.js')).runsRm,
  },
  {
    name: 'worker',
    args: 'MODULE…',
    count: [1, 100],
    summary: 'Run the branches of a queue, or the runs of a store',
    text: 'MODULE exports registries, for branches, and hosted graphs, for whole runs. With --redis it takes jobs of BullMQ; with --store alone it is a host of that store. The first Ctrl+C drains.',
    options: {
      redis: { value: 'URL', help: 'The server of the queue' },
      queue: { value: 'NAME', help: 'The queue (default teasel)' },
      concurrency: { value: 'N', help: 'The most jobs, or runs, at a time' },
      isolation: {
        value: 'PLACE',
        values: ['inline', 'thread', 'process'],
        help: 'Where branches run (default inline)',
      },
      port: { value: 'N', help: 'Answer /healthz and /metrics there' },
      store: SOURCE['store'] ?? { help: '' },
    },
    examples: [
      'worker registry.ts --redis redis://127.0.0.1:6379 --isolation thread',
      'worker hosted.ts --store postgres://localhost/app',
    ],
    load: async () => (await import('./commands/worker.js')).worker,
  },
  {
    name: 'ui',
    args: '[RUN | FOLDER]',
    count: [0, 1],
    summary: 'Open the page of the runs',
    text: 'FOLDER is that of a file tracker, or of Burr, which is only read. It listens on this machine alone; --host of another address needs --token. Nothing is asked of the internet.',
    options: {
      ...PAGE,
      'read-only': { help: 'Change no run' },
      graphs: {
        value: 'MODULE',
        many: true,
        help: 'Draw the runs of a store by the graphs of this module, and fork them; a worker runs forks',
      },
      dir: SOURCE['dir'] ?? { help: '' },
      store: SOURCE['store'] ?? { help: '' },
      burr: SOURCE['burr'] ?? { help: '' },
      project: { value: 'NAME', help: 'Only this project' },
    },
    examples: ['ui', 'ui order-7 --store sqlite:runs.db --graphs app.ts', 'ui ~/.burr --port 8000'],
    load: async () => (await import('./commands/ui.js')).ui,
  },
  {
    name: 'demo',
    args: '',
    count: [0, 0],
    summary: 'Open the page with runs of a demo: no key, no network, nothing stored',
    options: PAGE,
    examples: ['demo'],
    load: async () => (await import('./commands/demo.js')).demo,
  },
]
