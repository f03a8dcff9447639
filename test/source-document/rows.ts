/**
 * How a statement of the source document relates to what Burr does: `Y` done as stated, `P` done in part or in another
 * form, `N` announced and not done, `D` a statement of the documentation, `X` a mistake of the text.
 */
export type RowKind = 'Y' | 'P' | 'N' | 'D' | 'X'

/** One statement about parallelism that Teasel makes true. A test that shows it names its id. */
export interface Row {
  readonly id: string
  readonly kind: RowKind
  readonly text: string
  /** For the kinds `D` and `X`: the evidence in the test, since the statement itself cannot run. */
  readonly shows?: string
}

type Declared = readonly [kind: RowKind, text: string, shows?: string]

const declared: readonly Declared[] = [
  // Overview
  ['Y', 'Several actions run at the same time.'],
  ['Y', 'A branch may hold one action or many.'],
  ['Y', 'Branches may run different actions.'],
  ['D', 'Use: several prompts to one model.', 'a map over states with one model'],
  ['D', 'Use: one prompt to several models.', 'a map over bound actions'],
  ['D', 'Use: every prompt to every model.', 'the product of both'],
  ['D', 'Use: several tools at once, of which the results are combined or one is chosen.', 'a reducer that selects'],
  ['D', 'Use: two kinds of search at the same time.', 'two searches over one query'],
  ['D', 'Nothing is special to language models.', 'a map of plain functions'],
  ['Y', 'There is a high-level and a low-level interface.'],
  ['Y', 'One action over many states, then a reduction.'],
  ['Y', 'Many actions over one state, then a reduction.'],
  ['Y', 'The whole product of actions and states.'],
  ['Y', 'A graph may stand wherever a single action may, in all three maps.'],
  ['P', 'Low level: the author decides what each task runs.'],
  ['Y', 'A parallel action expands into several, runs them and joins their results, as one step.'],
  ['D', 'There are two interfaces; begin with the higher one.', 'the order of the documentation'],
  ['Y', 'Parallel work may also be written inside an action.'],
  ['Y', 'The author gives the configurations; all are started, then joined.'],
  ['Y', 'First way: vary the state under one action.'],
  ['Y', 'Second way: vary the action over one state.'],
  ['Y', 'A single action and a graph both become a child application.'],
  // Maps over states
  ['Y', 'A mapped action is an ordinary action.'],
  ['Y', 'A map must declare all its parts.'],
  ['P', 'Reads and writes bound what a map may touch.'],
  ['X', 'Reads and writes are written as methods.', 'they are plain data of an action'],
  ['P', 'An action, a bound action or a graph can be mapped.'],
  [
    'X',
    'A mapped function must be given a name by a method it lacks.',
    'no name is needed; a value that is no action is refused',
  ],
  ['P', 'States come from a generator, and read the state.'],
  ['Y', 'States may come from the output of an earlier action.'],
  ['P', 'A branch starts on its parent state plus an update; the parent state stays untouched.'],
  ['P', 'The reducer gets one state per branch.'],
  ['P', 'The reducer receives the branches as a sequence.'],
  [
    'X',
    'A loop variable shadows the state, so a branch leaks into its parent.',
    'a branch state is refused as the update',
  ],
  ['Y', 'The reducer must set all keys that the map declares.'],
  ['P', 'A map stands in the graph by name and has transitions.'],
  ['Y', 'An ordinary action may feed a map.'],
  ['Y', 'The number of branches is decided while running.'],
  // Maps over actions
  ['Y', 'An action has a parameter that is bound later.'],
  ['P', 'A map over actions must declare its parts; its state may be left out.'],
  ['P', 'Actions come from a generator.'],
  ['Y', 'Binding makes several actions of one, mixed with graphs and others.'],
  ['X', 'A bound parameter is declared as a read too.', 'inputs and reads differ, by type and at run time'],
  ['P', 'One method makes the state that all actions start on.'],
  ['Y', 'The reducer gets one result per action.'],
  ['Y', 'A map may read no more than a single prompt.'],
  ['X', 'A loop lacks its colon.', 'any generator, checked by the compiler'],
  ['Y', 'It is put into a graph as a map over states is.'],
  // The product
  ['Y', 'All combinations run, in a fixed order.'],
  ['Y', 'Both simpler maps are cases of the product.'],
  ['Y', 'Actions and states each come from a generator, which is called once.'],
  ['Y', 'The action and state of each result are known.'],
  ['X', 'The reducer reads a parameter that was bound and never written.', 'results have the inputs of their branch'],
  // Sub-graphs
  ['Y', 'Any action can be replaced by a graph, recursively.'],
  ['Y', 'A graph is described by its actions and transitions.'],
  ['Y', 'A runnable graph adds an entrypoint and where to halt.'],
  ['X', 'One halt is given as a text where a list is expected.', 'a name, a list or a tag'],
  ['Y', 'A sub-graph may have keys of its own, which stay inside.'],
  ['Y', 'With one way in and one out, a graph behaves as an action.'],
  ['Y', 'A graph may run beside actions over the same state.'],
  ['Y', 'One graph may be used by many branches.'],
  // Inputs
  ['N', 'A map over inputs.'],
  ['N', 'An input bound to a key of the state.'],
  ['N', 'An entry may bring inputs of its own.'],
  ['P', 'Inputs of a branch are as those of a run.'],
  ['N', 'Inputs may differ from state to state.'],
  ['Y', 'Inputs of the run reach the branches that declare them.'],
  // Tasks
  ['Y', 'High-level maps compile into tasks.'],
  ['Y', 'A task combines any action, inputs and state.'],
  ['Y', 'All maps build on the task-based one.'],
  ['P', 'A parallel action yields tasks of actions or graphs.'],
  ['N', 'Executors of our own run the tasks.'],
  ['P', 'Tasks are made from state and context.'],
  ['P', 'A task has an action, a state, inputs and an id.'],
  ['Y', 'The id of a task is stable and unique.'],
  ['N', 'A task may handle its failure.'],
  ['Y', 'Tasks are reduced as maps are.'],
  ['X', 'The example lacks its reads and writes.', 'a parallel action without them does not compile'],
  // Execution
  ['D', 'Execution can be tuned.', 'limits, executors, time-outs and retries'],
  ['P', 'An executor is given to the application or to an action.'],
  ['P', 'Threads are the default.'],
  ['N', 'Processes can run branches.'],
  ['Y', 'A cluster can run branches.'],
  ['N', 'A second kind of cluster can.'],
  ['P', 'An executor can be written by the user.'],
  ['P', 'Asynchronous branches are gathered in the process.'],
  ['P', 'An executor is for all or for one part.'],
  ['P', 'The number of branches at once is bounded.'],
  ['P', 'The global executor reaches every parallel action.'],
  ['N', 'The executor of an action wins over the global one.'],
  // Persistence and tracking
  ['Y', 'Trackers and persisters pass from parent to children.'],
  ['Y', 'The id of a child is a stable hash of its place.'],
  ['Y', 'The same task has the same id every time.'],
  ['Y', 'Children load what they stored before.'],
  ['P', 'Events after a reload belong to the same application.'],
  ['P', 'An interrupted application continues at its place and those of its branches.'],
  ['N', 'Tracking and persisting can be switched off for an action.'],
  ['N', 'They can be switched off for all.'],
  ['P', 'The tracker cascades, is none, or is another one.'],
  ['P', 'The persister cascades, is none, or is another one.'],
  ['Y', 'The loader cascades by itself.'],
  ['D', 'Adapters can cross threads.', 'the contract of adapters'],
  // Announced
  ['N', 'Execution is customised per action.'],
  ['N', 'The keys of branches are customised.'],
  ['N', 'Streams of branches are interleaved as results come.'],
  ['N', 'Graphs talk to each other.'],
  ['N', 'One action is cancelled on the result of another.'],
  ['N', 'Branches fail gracefully.'],
  // Under the hood
  ['Y', 'All of it is recursion made simple.'],
  ['Y', 'Graphs run recursively under the executor.'],
  ['Y', 'An action becomes a runnable graph.'],
  ['Y', 'A branch is seen as a child application.'],
  // More uses
  ['Y', 'A sub-application can be made and run inside an action.'],
  ['N', 'Several running generators are interleaved.'],
  ['N', 'A sub-application is bound to its parent by the context.'],
  ['N', 'Sub-applications run in parallel under the executor.'],
  ['N', 'Their generators are combined, results as they come.'],
  ['N', 'Two models answer, the fast one at once, the slow one started early.'],
  ['N', 'The first graph is iterated.'],
  ['N', 'The second is iterated at the same time.'],
  ['N', 'Both are joined, waiting for the user if need be.'],
  ['N', 'Each step of the first decides whether to cancel the second.'],
]

/** All statements, S-001 … S-122. */
export const rows: readonly Row[] = declared.map(([kind, text, shows], i) => {
  const id = `S-${String(i + 1).padStart(3, '0')}`
  return shows === undefined ? { id, kind, text } : { id, kind, text, shows }
})
