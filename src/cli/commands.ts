import { RUN_STATUSES } from '../read/status.js'
import type { Command, Options } from './command.js'
import { EXIT, usageError } from './command-error.js'
import { completionOf, SHELLS } from './completion.js'
import { GRAPH_OPTIONS } from './graph-options.js'
import { write } from './print.js'
import { SOURCE } from './run-source.js'

// Owns: the table of commands: their names, arguments, options, texts, and where their code is.

const PAGE: Options = {
  limit: { short: 'n', value: 'N', help: 'At most so many (default 50)' },
  after: { value: 'CURSOR', help: 'Go on behind an earlier page' },
  all: { help: 'Print all of them' },
}

/** Every command, in the order of its help. */
export const COMMANDS: readonly Command[] = [
  {
    name: 'graph',
    args: '[MODULE[#EXPORT]]',
    count: [0, 1],
    summary: 'Draw a graph',
    text: 'With --check FILE the pictures of a Markdown file are compared with their graphs: each is a fenced block behind a comment of its own line, <!-- teasel graph app.ts#graph --depth 2 -->. A stale one exits with 1; --write renews it.',
    options: {
      output: { short: 'o', value: 'FILE', help: 'Write to a file' },
      check: { value: 'FILE', many: true, help: 'Fail when a picture of this file is stale' },
      write: { value: 'FILE', many: true, help: 'Renew the pictures of this file' },
      ...GRAPH_OPTIONS,
    },
    examples: ['graph app.ts#graph', 'graph app.ts -f svg --theme dark -o graph.svg', 'graph --check README.md'],
    load: async () => (await import('./commands/graph.js')).graph,
  },
  {
    name: 'run',
    args: 'MODULE[#EXPORT]',
    count: [1, 1],
    summary: 'Run a graph, and watch it',
    text: 'The first Ctrl+C cancels the run and waits for its end, the second one stops the process. The outcome is printed at the end; the view goes to the error output.',
    options: {
      input: { short: 'i', value: 'NAME=VALUE', many: true, help: 'An input; JSON, or a text' },
      state: { value: 'FILE', help: 'The initial state, a JSON file; - for the standard input' },
      set: { value: 'KEY=VALUE', many: true, help: 'A key of the initial state; JSON, or a text' },
      entry: { value: 'ACTION', help: 'The entrypoint of a graph without one' },
      'halt-after': { value: 'ACTION', many: true, help: 'Halt after this action' },
      'max-steps': { value: 'N', help: 'Fail beyond so many steps' },
      id: { value: 'RUN', help: 'The id of the run (default: random)' },
      title: { value: 'TEXT', help: 'A title, for people' },
      label: { value: 'NAME=VALUE', many: true, help: 'A label, for lists' },
      plain: { help: 'A line for each change, as outside of a terminal' },
      'no-track': { help: 'Record nothing' },
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
    name: 'runs ls',
    args: '',
    count: [0, 0],
    summary: 'List runs, newest first',
    options: {
      status: { short: 's', value: 'A,B', values: RUN_STATUSES, many: true, help: 'Only runs with this status' },
      label: { value: 'NAME=VALUE', many: true, help: 'Only runs with this label' },
      name: { value: 'NAME', help: 'Only runs of this graph of a host' },
      text: { value: 'TEXT', help: 'Only runs with this text in the id or the title' },
      since: { value: 'TIME', help: 'Only runs since then: 30m, 2h, 7d or a date' },
      pending: { help: 'Only runs with an open question' },
      retrying: { help: 'Only runs between two attempts' },
      leaked: { help: 'Only runs with abandoned code' },
      ...PAGE,
      ...SOURCE,
    },
    examples: ['runs ls --status failed,cancelled --since 2h', 'runs ls --store postgres://localhost/app --json'],
    load: async () => (await import('./commands/runs-ls.js')).runsLs,
  },
  {
    name: 'runs show',
    args: 'RUN[/PATH][@STEP]',
    count: [1, 1],
    summary: 'Show a run, a branch of it, or a step',
    options: {
      state: { help: 'Print the state too' },
      first: { value: 'N', help: 'Branches of each status (default 5)' },
      verbose: { short: 'v', help: 'Tell what the source has not recorded' },
      ...SOURCE,
    },
    examples: ['runs show order-7', 'runs show order-7@3 --json', 'runs show order-7/fan/berlin --state'],
    load: async () => (await import('./commands/runs-show.js')).runsShow,
  },
  {
    name: 'runs tail',
    args: 'RUN',
    count: [1, 1],
    summary: 'Follow the events of a run until it ends',
    text: 'A store has no events: its run is looked at each second. Ctrl+C ends the reading, and never the run.',
    options: {
      type: { value: 'A,B', many: true, help: 'Only events of these types' },
      after: { value: 'CURSOR', help: 'Only events behind this one, INCARNATION.SEQ' },
      'no-follow': { help: 'End with the last event until now' },
      'exit-code': { help: 'Exit with 1 when the run fails' },
      ...SOURCE,
    },
    examples: ['runs tail order-7', 'runs tail order-7 --type step.end,retry --json'],
    load: async () => (await import('./commands/runs-tail.js')).runsTail,
  },
  {
    name: 'runs diff',
    args: 'RUN[@STEP] [RUN[@STEP]]',
    count: [1, 2],
    summary: 'Compare two states, of one run or of two',
    text: 'One address compares a step with the one before, or a run with its start. With --json it prints a JSON Patch (RFC 6902).',
    options: SOURCE,
    examples: ['runs diff order-7@3', 'runs diff order-7@3 order-7@9', 'runs diff order-7 order-7-again --json'],
    load: async () => (await import('./commands/runs-diff.js')).runsDiff,
  },
  {
    name: 'pending',
    args: '',
    count: [0, 0],
    summary: 'List open questions, oldest first',
    options: {
      kind: { value: 'KIND', many: true, help: 'Only questions that take this kind of message' },
      label: { value: 'NAME=VALUE', many: true, help: 'Only of runs with this label' },
      ...PAGE,
      ...SOURCE,
    },
    examples: ['pending', 'pending --kind verdict --json'],
    load: async () => (await import('./commands/pending.js')).pending,
  },
  {
    name: 'completion',
    args: 'bash|zsh|fish',
    count: [1, 1],
    summary: 'Print the completion script of a shell',
    options: {},
    examples: ['completion bash > ~/.local/share/bash-completion/completions/teasel', 'completion fish | source'],
    load: async () => async (given, io) => {
      const shell = SHELLS.find((one) => one === given.arg(0))
      if (shell === undefined)
        throw usageError(`There is no completion for "${given.arg(0)}".`, `It takes ${SHELLS.join(', ')}.`)
      await write(io, completionOf(shell, COMMANDS))
      return EXIT.done
    },
  },
]
