/** `runs › title`: a test of `test/semantics/runs.test.ts` whose title contains that text. */
type Cited = `${string} › ${string}`

/**
 * The invariants at the heads of files of `src/` (`// A1  …`), and for each the tests that fail when it is broken.
 * A test file is named from `test/semantics/`, with `../` for other folders; a title is a part of one title there.
 */
export const invariantRows: Readonly<Record<string, Readonly<Record<string, readonly Cited[]>>>> = {
  'adapters/bullmq/bullmq-driver.ts': {
    B1: ['../bullmq/driver › leaves nothing of a job, of a text or of a channel behind'],
    B2: [
      '../bullmq/driver › answers for thousands of jobs as fast as for a few',
      '../bullmq/driver › knows how a job ended whose events were lost',
    ],
    B3: ['../bullmq/driver › loses no text whose answer was lost'],
  },
  'adapters/bullmq/channels.ts': {
    L1: ['../bullmq/driver › has its jobs when it starts again, and drivers go on'],
    L2: ['../bullmq/driver › goes on after a listener that fails'],
  },
  'adapters/bullmq/connections.ts': {
    C1: [
      '../bullmq/driver › each call rejects in time, and tells why',
      '../bullmq/driver › closes at once, also while calls wait for the server',
    ],
    C2: ['../bullmq/driver › opens a connection again whose server has gone without a word'],
    C3: ['../bullmq/driver › sends nothing twice by itself'],
  },
  'adapters/bullmq/consumer.ts': {
    W1: ['../bullmq/driver › loses a job by the clock while the server is away, and by its answer after a stop'],
    W2: ['../bullmq/driver › hands a job back that it has taken again while its former run goes on'],
    W3: ['../bullmq/driver › takes a job as often as its workers die'],
    W4: ['../bullmq/driver › takes more jobs at once when it may, while all that it has go on'],
  },
  'adapters/context/current-context.ts': {
    L1: ['../context/current-context › is the context of the action, also after awaits'],
  },
  'adapters/worker/load-module.ts': {
    L1: ['../cli/process › loads TypeScript in a package that is not of modules'],
  },
  'adapters/otel/open-spans.ts': {
    N1: ['../otel/otel › ends every span, also of a run that ends while code of it is given up'],
  },
  'adapters/otel/otel-tracker.ts': {
    O1: ['../otel/otel › tells failures, retries and cancels apart: a cancel is no error'],
    O2: ['../otel/otel › makes no span of a branch that was restored'],
    O3: ['../otel/otel › links a step to the one that was lost with its worker'],
  },
  'adapters/file/blobs.ts': {
    B1: ['../tracking/file-tracker › writes a large value to a file of its own'],
  },
  'adapters/file/burr-folder.ts': {
    F1: ['../tracking/burr-reader › leads to no folder outside of the project'],
  },
  'adapters/file/burr-events.ts': {
    V1: [
      '../tracking/burr-reader › are those of all that its steps made, in the order of their times, from any position',
    ],
    V2: [
      '../tracking/burr-reader › are its spans with their attributes, its questions, and the times of streams, among its steps',
    ],
  },
  'adapters/file/reading.ts': {
    D1: [
      '../tracking/unreadable › is nothing of a file that is gone, and no LogError of a fault that is not the system',
      '../tracking/unreadable › is a LogError with the place, the reason and a remedy: dir is a file',
    ],
  },
  'adapters/file/burr-import.ts': {
    H1: ['../cli/import-burr › H1 leaves a log that a tracker has written'],
    H2: ['../cli/import-burr › H2 writes nothing again'],
    H3: ['../cli/import-burr › H3 tells of each file that cannot be read'],
  },
  'adapters/file/burr-lines.ts': {
    K1: ['../cli/import-burr › H2 writes nothing again'],
    K2: ['../cli/import-burr › K2 keeps the order of steps whose clock went back'],
  },
  'adapters/file/burr-log.ts': {
    G1: [
      '../tracking/burr-reader › have their inputs, times and chunks; a step that began again replaces the earlier one',
    ],
    G2: [
      '../tracking/burr-reader › have their inputs, times and chunks; a step that began again replaces the earlier one',
    ],
  },
  'adapters/file/burr-reader.ts': {
    B1: ['../tracking/burr-reader › are read without a change to the folder'],
  },
  'adapters/file/burr-tree.ts': {
    T1: ['../tracking/burr-reader › has an application once that files name in a circle'],
  },
  'adapters/file/descriptors.ts': {
    O1: ['../tracking/file-tracker › has few files open'],
  },
  'adapters/file/file-reader.ts': {
    K1: ['../tracking/file-reader › close the log when the loop is left'],
  },
  'adapters/file/file-tracker.ts': {
    W1: [
      '../tracking/file-tracker › loses lines and never a run',
      '../tracking/file-tracker › never fails a run whose folder cannot be made',
    ],
    W2: ['../tracking/file-tracker › has written a run when its end is told'],
    W3: ['../tracking/file-tracker › leaves nothing when it is disposed'],
  },
  'adapters/file/follow.ts': {
    E1: ['../tracking/file-reader › close the log when the loop is left'],
    E2: ['../tracking/removal › ends its events, also where another log of the same name has begun since'],
  },
  'adapters/file/graphs.ts': {
    P1: ['../tracking/graphs › is missing in a run whose disk takes no picture'],
  },
  'adapters/file/held-logs.ts': {
    Z1: ['../tracking/held-logs › are found by what they wait for, whatever others are held'],
  },
  'adapters/file/housekeeping.ts': {
    H1: ['../tracking/file-reader › removes no run that may go on'],
    H2: ['../tracking/file-reader › leaves an index that is joined with others'],
  },
  'adapters/file/index-file.ts': {
    I1: ['../tracking/file-reader › is shortened when it has many lines a run'],
    I2: ['../tracking/file-reader › tells by its time that its process is alive'],
  },
  'adapters/file/index-reader.ts': {
    X1: ['../tracking/file-reader › is read again only if it has changed'],
    X2: ['../tracking/unreadable › has no effect on a list whose index is damaged, or behind'],
  },
  'adapters/file/movable-timer.ts': {
    C1: [
      '../tracking/movable-timer › fires once, at the earliest moment that was asked for',
      '../tracking/movable-timer › has no timer left of a moment that is put off',
    ],
  },
  'adapters/file/pace.ts': {
    A1: [
      '../tracking/file-tracker › takes a tenth of the time at most',
      '../tracking/file-tracker › loses lines rather than memory',
    ],
  },
  'adapters/file/places.ts': {
    P1: ['../tracking/file-tracker › has a file for any id'],
  },
  'adapters/file/read-faults.ts': {
    F1: ['../tracking/unreadable › leaves the other runs in a list, beside the fault'],
  },
  'adapters/file/removal.ts': {
    M1: ['../tracking/removal › is in no list where it was removed in part'],
    M2: ['../tracking/removal › keeps a large value where another log cannot be read'],
  },
  'adapters/file/run-list.ts': {
    N1: ['../tracking/file-reader › is read without a look at the logs'],
  },
  'adapters/file/run-log.ts': {
    L1: ['../tracking/file-tracker › writes to no file that another one has made'],
    L2: [
      '../tracking/file-tracker › loses lines and never a run',
      '../tracking/file-tracker › loses no more chunks of a stream than it tells',
    ],
    L3: ['../tracking/file-tracker › begins each part with whole states'],
    L4: ['../tracking/file-tracker › writes what waits to be merged before later events, also when the clock jumps'],
  },
  'adapters/file/run-reading.ts': {
    G1: ['../tracking/format › is read at every length as a consistent beginning'],
    G2: ['../tracking/removal › is described as the one that has begun since, by a reader that had read it'],
    G3: ['../tracking/unreadable › is read when its damage is mended, by the same reader'],
  },
  'adapters/file/scan.ts': {
    R1: ['../tracking/format › is read at every length as a consistent beginning'],
  },
  'adapters/file/step-pages.ts': {
    P1: ['../tracking/file-reader › are found in a long log by bisection'],
  },
  'adapters/postgres/schema.ts': {
    T1: ['../persistence/postgres › makes its tables once when several processes start on a fresh database'],
  },
  'adapters/reporter/console-reporter.ts': {
    C1: ['../reporter/reporter › draws at most twelve frames a second, however many events come'],
    C2: ['../reporter/reporter › ends with `close`'],
    C3: ['../reporter/reporter › fails no program: %s'],
  },
  'adapters/reporter/live-block.ts': {
    B1: ['../reporter/reporter › lets what others write go above, and leaves an open line alone'],
    B2: ['../reporter/reporter › lets what others write go above, and leaves an open line alone'],
    B3: ['../reporter/reporter › lets what others write go above, and leaves an open line alone'],
  },
  'adapters/reporter/plain-lines.ts': { N1: ['../reporter/reporter › prints the first twenty failures'] },
  'adapters/reporter/run-view.ts': {
    V1: ['../reporter/reporter › holds the branches that run, and numbers of all others'],
  },
  'adapters/reporter/text-width.ts': {
    W1: ['../reporter/reporter › is kept by a cut, and control characters are gone'],
  },
  'adapters/sqlite/schema.ts': {
    T1: ['../persistence/sqlite › upgrades tables of version'],
    T2: ['../persistence/sqlite-plans › counts by status from the indexes alone'],
    T3: ['../persistence/sqlite-plans › every statement that writes finds its rows by an index'],
  },
  'adapters/sqlite/sqlite-driver.ts': {
    Q2: ['../persistence/sqlite › saves no row of a runner after another one has claimed the application'],
  },
  'application/active-run.ts': {
    G1: [
      'waiting › refuses other options at a join, and a second caller at once',
      'waiting › continues when it is answered, in any order',
    ],
    G2: ['waiting › keeps a failure after its return for the next run, once'],
    G3: ['waiting › rejects with the reason of a signal that fires after a join'],
    G4: ['../persistence/stored-endings › goes on where something of it goes on while that is stored'],
  },
  'application/event-feed.ts': {
    F1: [
      'further-readers › reads from its creation on, not from its first read',
      'further-readers › reads run after run, and ends when the application is disposed of',
    ],
    F2: [
      'further-readers › holds nothing back, loses only chunks',
      'branch-leftovers › an unread reader keeps no more than its buffer and 500 events',
    ],
  },
  'application/live-application.ts': {
    A1: ['one-run-at-a-time › is refused in: '],
    A2: [
      "runs › by the caller's signal rejects with its reason, after everything has ended",
      'runs › by app.cancel resolves with the action, the reason and the source',
    ],
  },
  'application/merge.ts': {
    J1: ['merging › pulls at most one value of a source ahead of its reader'],
    J2: ['merging › fails with the first failure, after the other sources were returned and have ended'],
  },
  'application/reader.ts': {
    G1: ['streams › starts nothing before its first next'],
    G2: ['streams › happens at once while a next waits'],
    G3: ['streams › returns the outcome at the end, and nothing after'],
  },
  'application/resume.ts': {
    U1: ['never-loses › a runner that commits between the claim of another one and its load is refused'],
    U2: ['resume › starts again at its entrypoint, or at a named action'],
    U3: ['../persistence/stored-status › a new application is queued before its caller gets it'],
  },
  'internal/slice.ts': {
    T1: ['starting › start over several turns, in the order of their calls'],
  },
  'jobs/branch-jobs.ts': {
    B1: ['../jobs/worker › ends a job whose owner does not answer, and one whose owner has closed'],
    B2: ['../jobs/losses › is stopped where its owner is silent for too long'],
    B3: [
      '../jobs/worker › leaves a branch whose code it lacks to another worker',
      '../jobs/worker › fails a branch whose code it',
    ],
    B4: ['../jobs/nested › do not stand in their way: depth 4, one worker, one slot'],
  },
  'jobs/held-job.ts': {
    H1: ['../jobs/held-job › is delivered anew by the same owner; its texts go to the new run'],
    H2: [
      '../jobs/losses › goes on in the worker that has its job; the one before has no effect',
      '../jobs/held-job › tells the owner that has it when the lock is lost, and is granted to nobody any more',
    ],
    H3: ['../jobs/worker › asks again for a branch that its place has lost'],
    H4: [
      '../jobs/held-job › goes to a later owner; a late text and a late loss of the run before it have no effect',
      '../jobs/held-job › refuses an earlier owner that wakes, also for a further taking',
      '../jobs/held-job › answers the grant of an earlier owner with a loss; the later one keeps the run and its texts',
    ],
  },
  'jobs/inline-place.ts': {
    I1: ['../jobs/worker › end a branch that ignores its cancel: its worker leaves it'],
  },
  'jobs/job-data.ts': {
    J1: ['../jobs/worker › leaves a job of an unknown kind, or of a newer version, to other workers'],
  },
  'jobs/job-driver.ts': {
    D1: ['../jobs/losses › all end with each step committed once'],
    D2: ['../jobs/losses › goes on in the worker that has its job; the one before has no effect'],
    D3: [
      '../jobs/losses › all end with each step committed once',
      '../jobs/attach › ends in this process what it began there',
    ],
    D4: ['../jobs/losses › all end with each step committed once'],
    D5: ['../jobs/worker › leave no job, whenever they come'],
    D7: ['../jobs/attach › has the branches that run in workers again at once, without waiting for a sweep'],
    D6: ['../jobs/jobs › ask nothing of the engine where their executor has submitted nothing'],
  },
  'jobs/job-worker.ts': {
    W1: [
      '../jobs/losses › goes on in another worker after a drain, which costs it no delivery',
      '../jobs/losses › ends in its worker where a drain waits for it',
    ],
    W2: ['../jobs/worker › leaves a job of an unknown kind, or of a newer version, to other workers'],
  },
  'jobs/last-owners.ts': {
    L1: ['../jobs/held-job › refuses an earlier owner also after the later one has ended it'],
    L2: ['../jobs/held-job › are remembered for the last grants'],
  },
  'jobs/link.ts': {
    N1: ['../jobs/link › delivers every item once and in order, whatever is lost, doubled, reordered or cut off'],
    N2: ['../jobs/link › sends again what is not acknowledged'],
    N3: [
      '../jobs/link › has a bounded number of packets under way',
      '../jobs/link › keeps no more out of order than the other end may send',
    ],
    N4: ['../jobs/link › shows that it lives while it has tasks, and only then'],
  },
  'jobs/mail.ts': {
    M1: ['../jobs/mail › leaves once a turn, with one call for each channel'],
    M2: ['../jobs/mail › sends a large item by reference'],
    M3: ['../jobs/mail › breaks a link at one end that the other has given up'],
    M4: ['../jobs/mail › forgets an end without tasks after a while, and the other end too'],
  },
  'jobs/nesting.ts': {
    G1: ['../jobs/nested › do not stand in their way: depth 4, one worker, one slot'],
  },
  'jobs/owned-task.ts': {
    T1: ['../jobs/jobs › run in the workers that have taken them, and leave no job behind'],
    T2: ['../jobs/worker › leave no job, whenever they come'],
  },
  'jobs/slots.ts': {
    L1: ['../jobs/slots › are given back by a job that waits'],
    L2: ['../jobs/slots › go to a job that goes on before one that begins'],
  },
  'jobs/attached-run.ts': {
    A1: ['../jobs/runs › asks nothing before somebody reads, and nothing after'],
    A2: ['../jobs/runs › tells that there is no such run, and ends what is awaited when it closes'],
    A3: ['../jobs/runs › wakes a run that waits by a message, and by its time'],
  },
  'jobs/run-events.ts': {
    E1: ['../jobs/run-events › hold nobody back: a slow reader loses the oldest, and is told how many'],
    E2: ['../jobs/run-events › hold nobody back: a slow reader loses the oldest, and is told how many'],
    E3: ['../jobs/run-events › end after a time when the last ones do not come; a silent reader is forgotten'],
    E4: ['../jobs/run-events › come in order, each once, whatever texts are lost, doubled or overtaken'],
  },
  'jobs/run-holder.ts': {
    H1: [
      '../jobs/runs › that nothing is due for end, and run nothing: of a run that is held, has ended, or was deleted',
    ],
    H2: [
      '../jobs/runs › that nothing is due for end, and run nothing: of a run that is held, has ended, or was deleted',
    ],
    H3: ['../jobs/runs › wakes a run that waits by a message, and by its time'],
    H4: ['../jobs/runs › gives the events of a run from its first one, also of one that was shorter than the way'],
  },
  'jobs/run-jobs.ts': {
    J1: [
      '../jobs/runs › invite to one claim: a message finds a worker while the job of the claim before is still active',
    ],
    J2: ['../jobs/runs › for a later time do not stand in the way of a message, and are removed when it has come'],
  },
  'jobs/run-kind.ts': {
    U1: ['../jobs/runs-worker › runs both: runs that wait for their branches hold no slot that those need'],
  },
  'jobs/run-queue.ts': {
    Q1: ['../jobs/runs › are left to the sweep when the engine is away, and are enqueued again with their run'],
    Q2: ['../jobs/runs › are left to the sweep when the engine is away, and are enqueued again with their run'],
  },
  'jobs/run-reading.ts': {
    D1: ['../jobs/run-events › come in order, each once, whatever texts are lost, doubled or overtaken'],
    D2: ['../jobs/run-events › hold nobody back: a slow reader loses the oldest, and is told how many'],
    D3: ['../jobs/run-events › end after a time when the last ones do not come; a silent reader is forgotten'],
  },
  'jobs/run-texts.ts': {
    X1: ['../jobs/runs-chaos › lose nothing, and commit each step once'],
    X2: ['../jobs/runs › gives events with a large state, and ends with the signal of its reader'],
  },
  'jobs/run-worker.ts': {
    W1: ['../jobs/runs › find by a sweep what has no job: a lost job, and an answer that another program has stored'],
    W2: ['../jobs/runs › hand a run on when they drain, and its events go on from the next one'],
    W3: ['../jobs/runs › are left to the sweep when the engine is away, and are enqueued again with their run'],
  },
  'log/chunk-merge.ts': {
    M1: ['../tracking/format › has the lines of its format'],
  },
  'log/fold-cut.ts': {
    U1: ['../tracking/cut-runs › waits also where its process dies while it is taken down'],
    U2: ['../tracking/cut-runs › has what ended while it was taken down'],
  },
  'log/fold-status.ts': {
    S1: ['../tracking/file-reader › agree while it waits'],
    S2: ['../tracking/file-reader › leaves a run interrupted that needs a process'],
    S3: ['../tracking/cut-runs › waits also where its process dies while it is taken down'],
  },
  'log/fold.ts': {
    T1: ['../tracking/format › is read at every length as a consistent beginning'],
    T2: ['../tracking/file-tracker › go on under the same run after a resume'],
  },
  'log/inherited-values.ts': {
    H1: ['../tracking/inherited-values › make a log that grows with the number of branches'],
  },
  'log/line-encoder.ts': {
    N1: ['../tracking/file-tracker › writes nothing that redact has not kept'],
  },
  'log/line-text.ts': {
    J1: ['../tracking/line-text › is that of JSON.stringify'],
  },
  'log/line-events.ts': {
    V1: ['../tracking/format › gives back the events that its tracker got'],
  },
  'log/lines.ts': {
    F1: ['../tracking/format › passes on what it does not know'],
  },
  'log/seq-order.ts': {
    Q1: ['../tracking/file-reader › are in the order of their numbers'],
  },
  'parallel/restored-feed.ts': {
    K1: ['resume › folds again with reduceEach in the order in which its branches had settled'],
    K2: ['resume › runs no done branch again, and resumes a half-done one at its next step'],
  },
  'persistence/inbox-watch.ts': {
    I1: [
      'answered-alive › once, and the store is not asked while nothing waits',
      'answered-alive › finds a waiting branch; one query serves all of them',
      'answered-alive › costs one query of a store, also when several maps have it as their own',
    ],
    I2: ['answered-alive › is delivered once, also when a pending query finds it again'],
    I3: [
      'answered-alive › stays alive for the answer of another process',
      'answered-alive › ends when it returned as waiting',
    ],
  },
  'persistence/inbox.ts': {
    I1: ['save-points › keeps its messages from the next run of the application too'],
  },
  'persistence/deltas.ts': {
    D1: ['durability › of a step holds its changes, and the whole state once the changes outweigh it'],
  },
  'persistence/journal.ts': {
    J1: ['lost-store › for a note (%s) rejects the run, and the next step of a further run is stored in its place'],
    J2: [
      'save-points › an effect recorded in a later step belongs to that step',
      'save-points › a map cut off below a branch of several steps is resumed there',
      'save-points › an application created by a later step is resumed',
    ],
  },
  'persistence/placed-rows.ts': {
    G1: [
      'lost-store › for the first row of a branch of a generator (%s) stores its entry with it when it is run again',
    ],
  },
  'persistence/map-manifest.ts': {
    K1: [
      'growing-maps › whose list was cut off during its recording is recorded afresh',
      'never-loses › keeps the entry of a generator with the first record of its branch',
      'never-loses › keeps the number of entries of a generator',
    ],
  },
  'persistence/outage.ts': {
    O1: ['lost-store › is abandoned after the grace period by %s'],
  },
  'persistence/requests.ts': {
    Q1: ['../persistence/requests › Q1 is obeyed by the next process'],
    Q2: [
      '../persistence/requests › Q2 does not end a run that was begun again at an earlier step',
      '../persistence/requests › Q2 does not end a run that has failed by itself',
    ],
    Q3: ['../persistence/requests › Q3 reaches a branch whose map comes after it'],
  },
  'persistence/shared-text.ts': {
    T1: ['../tracking/shared-text › gives the same states in a log as in its store, whatever is saved when'],
    T2: ['../tracking/shared-text › is kept only for a log, and only the last one of an application'],
  },
  'persistence/group-commit.ts': {
    C1: ['durability › of branches that commit in the same turn is saved in one group'],
    C2: ['lost-store › before a map with a store of its own leaves no branch there without its entry'],
  },
  'persistence/scope.ts': {
    P1: ['durability › is awaited on request, and nothing runs twice'],
    P2: ['lost-store › gets nothing more from the run that failed by it'],
    P3: ['own-persister › a runner that lost the root takes no store of a map from its successor'],
    P4: [
      '../persistence/stored-status › a store that is away only for a summary does not fail the run',
      '../persistence/stored-endings › rejects with the fault of its store otherwise, and its log has the same end',
    ],
  },
  'pool/packets.ts': {
    K1: ['../executor/pool › stream the chunks of a branch in order', '../executor/packets › arrive as they were put'],
    K3: ['../executor/pool-workers › pass on each line with its stream, and its branch where one runs'],
    K2: ['../executor/pool-workers › leave packets of other code alone'],
    K4: ['../executor/packets › bytes that are not those of the items are refused'],
  },
  'pool/pool-worker.ts': {
    P1: [
      '../executor/pool-workers › hold no process open while they are idle',
      '../executor/pool-workers › hold the process open while a branch goes on',
      '../executor/pool-workers › hold no process open for a branch that waits for a message only',
    ],
    P2: ['../executor/pool › take no more branches to a worker with code that ignores its cancel'],
  },
  'pool/pool.ts': {
    L1: [
      '../executor/pool-workers › run exactly as many branches at once as `concurrency` takes',
      '../executor/pool-workers › run at most `tasksPerWorker` in one worker',
    ],
    L2: ['../executor/pool › wait for a message without a slot, and go on when they have one'],
    L3: ['../executor/pool › end a worker that calculates past the grace period of its cancel'],
    L4: [
      '../executor/pool-losses › dies at each delivery fails with how it ended and its last lines, and takes nobody',
    ],
    L5: ['../executor/pool-losses › cannot start fails at once, and so does the next one'],
  },
  'remote/arriving-events.ts': {
    E1: ['../executor/chunks › gets none of the chunks that came with the one it saw'],
    E2: ['../executor/chunks › gets none of the chunks that came with the one it saw'],
  },
  'remote/branch-answers.ts': {
    A1: [
      '../contract/channel › are free again when the worker that holds them dies',
      '../executor/permits › is given back once',
    ],
    A2: ['../contract/channel › takes no answer to a question of its earlier delivery'],
  },
  'remote/chunk-batch.ts': {
    G1: [
      '../executor/chunks › crosses as it was when it was produced',
      '../executor/chunks › is left out alone, with a fault',
    ],
    G2: [
      '../executor/chunks › in order, and before what follows them',
      '../executor/pool › end a worker that calculates past the grace period of its cancel',
    ],
    G3: [
      '../executor/chunks › cross in several, and one that is too large alone is left out',
      '../executor/chunks › with large bytes has a frame of its own',
    ],
  },
  'remote/crossing.ts': {
    X1: ['../contract/channel › in its inputs fails its branch, and no other'],
    X2: ['../contract/channel › fails its branches after the last one'],
  },
  'remote/failover.ts': {
    O1: [
      '../contract/channel › goes on elsewhere at the last commit, with the messages that no commit took',
      '../contract/channel › fails its branches after the last one',
      '../contract/channel › leaves a cancelled branch cancelled',
    ],
  },
  'remote/frames.ts': {
    F1: ['../contract/channel › of an unknown type, or with a field of another type, is refused at either end'],
  },
  'remote/owner-journals.ts': {
    O1: ['../executor/stored › writes the rows that it writes in this process'],
    O2: ['../executor/stored › goes on at its last commit'],
    O3: ['durability › of a branch that is cancelled twice holds the first cancel'],
    O4: ['sleeping › keeps the time limit of a branch from its first start, also in its first step'],
    O5: ['../executor/stored › is not delivered again by an owner that was replaced meanwhile'],
  },
  'remote/worker-journal.ts': {
    J1: ['../executor/stored › goes on at its last commit'],
    J2: ['../executor/stored › opens a store of its own where it runs'],
  },
  'remote/local-code.ts': {
    L1: ['../contract/channel › is kept for the run that tries it again, and no longer than its application'],
  },
  'remote/remote-branch.ts': {
    C1: ['../executor/task-runner › with a result that comes after the cancel is ignored'],
    C2: ['../contract/channel › counts as a possible sender: nobody waits in vain before it has arrived'],
    C3: ['../executor/task-runner › that comes after the end of its branch has no effect'],
  },
  'remote/submission.ts': {
    S1: ['../executor/task-runner › that comes from an earlier delivery has no effect'],
    S2: ['../contract/channel › goes on elsewhere at the last commit, with the messages that no commit took'],
    S3: ['../executor/pool › end a worker that calculates past the grace period of its cancel; its neighbours go on'],
    S4: ['../executor/trust › that breaks the protocol at each delivery fails its branch as lost'],
  },
  'remote/field-rules.ts': {
    R1: ['../executor/fuzz › frames that were changed at random do no harm'],
    R2: ['../executor/trust › gives objects that are plain, whatever their keys are called'],
  },
  'remote/protocol-check.ts': {
    V1: ['../executor/fuzz › frames that were changed at random do no harm'],
    V2: ['../executor/trust › that breaks the protocol at each delivery fails its branch as lost'],
    V3: ['../executor/trust › that sends more chunks than it has credit for is refused'],
  },
  'remote/task-runner.ts': {
    W1: ['../executor/trust › that gets a frame which it cannot follow fails its task, and no other'],
    W2: ['../executor/task-runner › that was cancelled before its code was loaded never runs'],
    W3: ['../executor/task-runner › that is run again under its id while it lives does not begin twice'],
  },
  'cli/completion.ts': { Z1: ['../cli/completion › offers for `%s`: %j'] },
  'read/run-address.ts': { A1: ['../ui/run-address › prints addresses that are read back'] },
  'cli/io.ts': {
    I1: ['../cli/runs › ends quietly when the reader of the output has left'],
    I2: ['../cli/process › keeps what a module prints out of its output'],
  },
  'cli/mcp/serve.ts': {
    M1: ['../cli/mcp › M1 answers whatever it is given'],
    M2: ['../cli/mcp › M2 is asked no more once the client has disconnected'],
  },
  'cli/mcp/told.ts': { B1: ['../cli/mcp › B1 cuts what is large, and has the whole of it in parts'] },
  'cli/mcp/tool.ts': { T1: ['../cli/mcp › T1 %s refuses %j'] },
  'cli/picture-markers.ts': { M1: ['../cli/graph › passes over a marker in a fenced block'] },
  'cli/watched-run.ts': {
    R1: [
      '../cli/runs › cancels at the first Ctrl+C, waits for the end, and exits with 130',
      '../cli/store › interrupts a run at the first Ctrl+C, to be resumed',
    ],
    R2: ['../cli/store › shows a run that waits as waiting when its process leaves it, %s, and in its log'],
  },
  'cli/print.ts': { P1: ['../cli/runs › lists runs, newest first, without control characters'] },
  'executor/outline.ts': {
    O1: ['../executor/registry › is refused by a worker whose code has another structure, with what differs'],
  },
  'executor/registry.ts': {
    R1: ['../executor/registry › runs by its name, as an action and as a graph'],
  },
  'runtime/actor/app-actor.ts': {
    L1: ['../embedding/stopping › leaves an ended snapshot as it is'],
    L2: ['../embedding/react › stops the run, and resumes it at the stopped step when shown again'],
  },
  'runtime/actor/embedded-logic.ts': {
    E1: [
      '../embedding/react › runs the application once, to its end, and shows each step',
      '../embedding/react › stops the run, and resumes it at the stopped step when shown again',
    ],
    E2: ['../embedding/interop › a message sent before the run has begun is kept'],
    E3: ['../embedding/persistence › taken at the step that halts goes no further'],
  },
  'runtime/actor/xstate-version.ts': {
    X1: ['../embedding/xstate › runs once, before the first actor, and not when the package loads'],
    X2: ['../embedding/xstate › leaves the logic of the engine unchanged'],
  },
  'runtime/application.ts': {
    A1: ['runs › leaves a further run without its cancel, its attempts and its leaks'],
    A2: ['../embedding/interop › is emitted after the snapshot shows it'],
    R1: ['races › ends its branch once when a listener of the report stops the actor'],
    R2: [
      '../embedding/stopping › passes its reason to the signal unchanged, in the same tick',
      '../embedding/stopping › that comes second has no effect: the first reason counts',
    ],
    R3: ['cancelling › cancels and awaits an application that an action created and left running'],
  },
  'runtime/map/branch-handle.ts': {
    B1: ['invariants › the engine knows only its handle'],
    B2: ['parallel › have key, index, identity, status, inputs, attempts and times of each branch'],
  },
  'runtime/map/folding.ts': {
    F1: ['reducing › folds one at a time, from the first acc on, while branches go on'],
    F2: ['reducing › releases each folded result'],
    F3: [
      'reducing › is cancelled with its step, and awaited',
      'reducing › gets a signal when the map fails, and is awaited',
    ],
  },
  'runtime/map/kept-branches.ts': {
    H1: ['tried-again › is released then', '../embedding/react › runs a map from its first branch when shown again'],
    H2: [
      'tried-again › with a branch cancelled from outside',
      'tried-again › also when the run was cancelled: interrupted branches continue at their step',
      'tried-again › but a changed entry runs afresh, and a removed one is gone',
    ],
    H3: ['tried-again › folds each branch once, whatever ran again'],
  },
  'runtime/map/branch-starter.ts': {
    S1: [
      'parallel › are pulled only as far as the window reaches',
      'parallel › are exact, for a window and for a shared limit',
      'waiting-places › takes a place before it continues, in the order of the answers',
    ],
  },
  'runtime/map/map-runner.ts': {
    M1: ['schedule/schedule › keep every law'],
    M2: [
      'grace › covers its source, and then its folding code',
      "parallel › 'all' cancels the siblings of the first failure, waits for them",
    ],
    M3: [
      'parallel › give no further branch once the map has enough, while others end',
      'starting › that settles while it waits for its next turn starts no further branch, and has a result for each',
    ],
  },
  'runtime/map/map-state.ts': {
    S1: [
      'map-state › are a transition of XState: the same events lead to the same state',
      'map-state › keeps the rules of the design under',
    ],
    S2: ['map-state › drains once', 'map-state › reduces once, and neither closes nor drains again'],
    S3: ['map-state › keeps the first reason to close'],
    S4: ['map-state › decides nothing while it is held'],
    S5: ['map-state › waits for live branches before it drains', 'map-state › waits for pending interceptors'],
  },
  'runtime/message/branch-messages.ts': {
    B1: ['messages › reach a branch that is queued, once its turn comes'],
    B2: ['waiting › of siblings for each other is no fault while one of them waits for a person'],
    B3: ['sleeping › during the delay of a branch counts the attempt'],
  },
  'runtime/message/mailbox.ts': {
    M1: [
      'messages › are refused by a full mailbox, also by that of a queued branch',
      '../host/host › answers a question by a message that 1 000 others precede, none of which it takes',
    ],
    M2: [
      'given-back › come first again, in their order, for the next attempt at the action',
      'messages › of other kinds stay for another reader',
    ],
    M3: [
      'given-back › starts without the unread messages of the run before',
      'given-back › starts without messages when they are not stored',
    ],
  },
  'runtime/message/resume-queue.ts': {
    P1: ['waiting-places › continues before a new branch starts'],
    P2: ['waiting-places › takes a place before it continues, in the order of the answers'],
    P3: ['waiting-places › gets its place though a sibling waits for its message'],
  },
  'runtime/message/wait-state.ts': {
    W1: ['cancel-cost › visits no sibling when it ends and the next one begins'],
    W2: ['waiting › counts an action that waits and works as waiting'],
  },
  'runtime/message/wait.ts': {
    V1: ['withdrawn-waits › has ended with its message: a reader that is left during the wake event wakes once'],
    V2: ['waiting › of an embedded actor shows in its snapshot, and a message sent to the actor ends it'],
    V3: ['sleeping › during a wait with a time limit keeps its end'],
  },
  'runtime/run/loop.ts': {
    L1: ['races › calls no interceptor when it ends'],
    L2: [
      'cancelled-for-good › runs no more: each run resolves at once, and asks no interceptor',
      'cancelled-for-good › runs no more, here and where it is resumed, and stays as it is in the store',
    ],
  },
  'runtime/step/attempt-loop.ts': {
    G1: ['retry › gives each attempt a signal and a context of its own, at the same step'],
    G2: ['retry › ends the applications created by an attempt before the next starts'],
    G3: ['failure › fails a late success, and a late failure during clean-up'],
  },
  'runtime/step/attempt.ts': {
    S1: ['steps › is created on its first read'],
    S2: ['dead-context › does nothing when %s is called'],
    S3: [
      'runs › awaits the finally of a generator that it stops',
      'runs › runs the finally of a generator that it stops',
    ],
  },
  'runtime/step/code-scope.ts': { K1: ['../context/current-context › calls it once where a tracker %s'] },
  'runtime/step/interceptor-call.ts': {
    I1: ['races › can be an interceptor before or after the action: the step ends, and a late answer is ignored'],
  },
  'runtime/step/once.ts': {
    O1: [
      'once › an effect whose note failed is not repeated by the next run',
      'once › with a result that cannot be stored are not repeated',
    ],
    O2: ['once › that end after their step are neither stored nor visible to the next step'],
    O3: ['once › is a copy for each caller, %s'],
  },
  'runtime/step/report.ts': {
    P1: [
      'reports › ends when code that ignores its cancel is given up, inner ones first, and once',
      'reports › ends as cancelled, before its step, when its step is cancelled',
    ],
    P2: ['reports › emits at most one event in 100 ms'],
    P3: ['dead-context › does nothing when %s is called'],
  },
  'runtime/step/retry.ts': {
    T1: ['failure › is chosen after retry and fallback, by the thrown value'],
    T2: [
      'retry › holds no permit of a limit during its delay, and takes one again after it',
      'retry › ends at once by a cancel during its delay',
    ],
    T3: [
      'retry › depends on the failure: %s',
      'failure › is not called after a cancel, nor for a broken contract',
      'lost-store › causes no error transition, no fallback and no further attempt',
    ],
    T4: ['sleeping › during the delay before an attempt neither repeats the delay'],
  },
  'runtime/step/step.ts': {
    C1: ['../embedding/interop › is emitted after the snapshot shows it', 'runs › iterate yields every committed step'],
    C2: ['conditions › leave the step uncommitted when a condition throws'],
    C3: [
      'runs › discards the update of a step that returned after the cancel',
      'runs › keeps the update of a step that is past its check at the cancel',
    ],
    C4: ['races › calls no interceptor when it ends', 'runs › ignores a late result of abandoned code'],
  },
  'runtime/system.ts': {
    H1: ['events › count also without a listener, so that a late listener gets the gapless number'],
    H2: ['races › are emitted in the order of their numbers when a listener causes one during another'],
    H3: ['hostile › harms no run from %s', 'events › reach other listeners when one throws, which is logged'],
  },
  'state/check-stored.ts': {
    S1: ['schemas › is not transformed a second time'],
    S2: ['schemas › is unchanged when it has passed before, whatever its schema accepts'],
  },
  'state/freeze.ts': {
    V1: ['state › is deeply frozen when it enters, in the initial state and in updates'],
    V2: ['changed-in-place › branches, their sources and their reducer share nothing'],
    V3: ['changed-in-place › a frozen value is never copied'],
  },
  'wire/events.ts': {
    E1: ['../wire/events › replaces a part that cannot be stored by a tag, and never throws'],
    E2: ['../wire/events › passes on fields and tags that it does not know'],
  },
  'adapters/postgres/run-queries.ts': {
    Q1: ['../persistence/postgres-tables › have an index for every question'],
    Q2: ['../persistence/summaries-agree › answers any questions after any calls'],
  },
  'adapters/postgres/save-statement.ts': {
    P1: ['../persistence/postgres › never saves a step of a runner after another runner has claimed the application'],
    S1: ['../persistence/summaries-agree › answers any questions after any calls'],
    S2: ['../persistence/postgres-tables › are locked in one order'],
    S3: ['../persistence/summaries-agree › answers any questions after any calls'],
  },
  'adapters/postgres/session.ts': {
    P2: ['../persistence/postgres › sends a read again when its connection was lost, and a write only once'],
    P3: ['../persistence/postgres › works where a pooler keeps no prepared statements'],
  },
  'adapters/postgres/statement-parts.ts': {
    N1: ['../persistence/summaries-agree › answers any questions after any calls'],
  },
  'adapters/postgres/stored-summaries.ts': {
    F1: ['../persistence/summaries-agree › answers any questions after any calls'],
  },
  'adapters/postgres/summary-schema.ts': {
    M1: ['../persistence/postgres-tables › have an index for every question'],
    M2: ['../persistence/postgres-tables › are locked in one order'],
  },
  'adapters/redis/script-parts.ts': {
    K1: ['../persistence/redis › may be a cluster: all keys of a prefix are in one slot'],
    K2: ['../persistence/redis › continues an application in another process'],
    K3: ['../persistence/summaries-agree › answers any questions after any calls'],
  },
  'adapters/redis/write-scripts.ts': {
    W1: ['../persistence/redis › leaves no key of a deleted tree'],
    W2: ['../persistence/status-table › is running until the lease of a killed process is over'],
  },
  'adapters/redis/save-script.ts': {
    S1: ['../persistence/redis › waits for a server whose connections are cut while it saves'],
    S2: ['../persistence/redis › recognises a save that is sent again, and does nothing'],
    S3: ['../persistence/summaries-agree › answers any questions after any calls'],
    S4: ['../persistence/redis › saves one further row alone as it does with others'],
  },
  'adapters/redis/read-scripts.ts': {
    R1: ['../persistence/redis › is asked for pages, numbers and due runs without a look at the others'],
    R2: ['../persistence/redis › is asked for pages, numbers and due runs without a look at the others'],
  },
  'adapters/redis/run-questions.ts': {
    Q1: ['../persistence/redis › is asked for pages, numbers and due runs without a look at the others'],
    Q2: ['../persistence/summaries-agree › answers any questions after any calls'],
  },
  'adapters/redis/pages.ts': {
    G1: ['../persistence/summaries-agree › answers any questions after any calls'],
  },
  'adapters/redis/stored-texts.ts': {
    F1: ['../persistence/summaries-agree › answers any questions after any calls'],
  },
  'adapters/redis/session.ts': {
    C1: ['../persistence/redis › sends a read again when its connection was lost, and a write only once'],
    C2: [
      '../persistence/redis › waits no longer than its limit for a server that gives no answer',
      '../persistence/redis › waits no longer than its limit for a server that takes connections and says nothing',
    ],
    C3: ['../persistence/redis › gets a script whole that it has forgotten'],
  },
  'adapters/sqlite/run-questions.ts': {
    L1: ['../persistence/sqlite-plans › counts by status from the indexes alone'],
    L2: ['../persistence/sqlite-plans › a label of many is tested on the way of another filter'],
    L3: ['../persistence/sqlite-summaries › a lease is over by the clock of the store'],
  },
  'adapters/sqlite/session.ts': {
    Q1: ['../persistence/sqlite › leaves nothing open: later calls commit at once'],
    Q3: [
      '../persistence/sqlite › is awaited without holding the thread',
      '../persistence/sqlite › is awaited for busyMs, and then reported',
    ],
  },
  'adapters/sqlite/wait-questions.ts': {
    W1: ['../persistence/summaries-agree › answers any questions after any calls'],
  },
  'codec/attached-bytes.ts': {
    B1: ['../executor/bytes › shares no bytes with its copy, at either end'],
    B2: [
      '../executor/trust › that gets bytes which no frame names fails its task, and no other',
      '../executor/fuzz › frames that were changed at random do no harm',
    ],
  },
  'check/check-map.ts': {
    M1: ['../check/foretold › does what is foretold'],
    M2: ['../check/check-stored › ends with the signal while its source gives nothing'],
  },
  'check/check-run.ts': {
    C1: ['../check/foretold › does what is foretold'],
    C2: ['../check/foretold › does what is foretold'],
  },
  'check/check-stored.ts': {
    S1: ['../check/check-stored › are paged, each checked once'],
  },
  'persistence/answered.ts': {
    A1: ['../persistence/stored-status › a message that is stored just before its question answers it'],
  },
  'adapters/postgres/kind-schema.ts': {
    K1: ['../persistence/postgres-tables › let a message find its question while both are stored at once'],
  },
  'host/held-run.ts': {
    V1: ['../host/host › releases a run that waits, and takes it again when it is answered'],
    V2: ['../host/release › a run that waits in a branch of no store is held until it ends'],
  },
  'host/host.ts': {
    K1: ['../host/host › leaves a run to the process that holds it'],
    K2: ['../host/host › resumes a run whose process died, and fails one'],
    K3: ['../host/host › holds no more than its concurrency'],
    K4: ['../host/host › drains: what it holds is interrupted'],
  },
  'live/describe-live.ts': {
    D1: ['../live/describe-app › is described as its store describes it'],
  },
  'persistence/app-status.ts': {
    B1: ['../persistence/stored-status › a run is running, and ends as finished or halted'],
  },
  'persistence/journal-status.ts': {
    F1: ['../persistence/stored-status › a run is running, and ends as finished or halted'],
    F2: [
      '../persistence/stored-status › a run that only waits is waiting, with its question',
      '../host/release › a run is released in a retry delay, and taken again when that is over',
      '../host/release › a run that waits in a branch of no store is taken again after its host has drained',
    ],
    F3: ['../persistence/stored-status › a message that is stored just before its question answers it'],
    F4: [
      '../persistence/stored-endings › has ended when its store has that, if it waits for a store that is away',
      '../persistence/stored-endings › rejects with the fault of its store otherwise, and ends when it is run again',
      '../persistence/stored-endings › is not cancelled for good where its store cannot have that',
      '../persistence/stored-endings › has failed with its own error for its caller and its log',
    ],
  },
  'persistence/lease.ts': {
    E1: ['../persistence/stored-status › a run whose process died is running until its lease is over'],
    E2: ['../persistence/sqlite-summaries › a lease is over by the clock of the store'],
    E3: ['../persistence/stored-status › a run is left to another runner by claim: free'],
    E4: ['../persistence/stored-status › a heartbeat that the store never answers'],
    E5: ['../executor/stored › is not delivered again by an owner that was replaced meanwhile'],
  },
  'persistence/reading/derived.ts': {
    E1: ['../persistence/reader › reads runs without a summary from their records'],
  },
  'persistence/reading/map-times.ts': {
    H1: ['../persistence/step-facts › not when a past map ended, among many thousand rows'],
  },
  'persistence/reading/maps.ts': {
    M1: ['../persistence/reader › pages a map of 10 000 branches without a look at the others'],
  },
  'persistence/reading/resolved.ts': {
    R1: ['../persistence/status-table › is cancelled for good by a user, with all below'],
    R2: ['../persistence/status-table › is running until the lease of a killed process is over'],
    R3: ['../persistence/status-table › is waiting while it waits for messages and times'],
  },
  'persistence/reading/runs.ts': {
    L1: ['../persistence/reader › reads runs without a summary from their records'],
  },
  'persistence/reading/steps.ts': {
    S1: ['../persistence/reader › gives the steps with their changes'],
  },
  'persistence/reading/trees.ts': {
    T1: ['../persistence/reader › pages a map of 10 000 branches without a look at the others'],
  },
  'persistence/status-notes.ts': {
    S1: ['questions › that has ended is gone from the store with the next note'],
    S2: ['questions › of each of two waits of a step is stored'],
    S3: ['sleeping › after a failed attempt does not end the waits of the next one'],
    S4: ['sleeping › keeps a cancel that comes while the only step of a branch'],
  },
  'persistence/tree-status.ts': {
    S1: ['../persistence/stored-status › a run of which a branch waits is running while others work'],
    S2: ['../persistence/stored-status › a run is left to another runner by claim: free'],
    S3: [
      '../persistence/stored-status › a halted run is halted, running again at once',
      '../persistence/status-table › is waiting once its store is back that was away as it began to wait',
    ],
    S4: ['../persistence/stored-endings › returns when its store has that, if it waits for a store that is away'],
  },
  'persistence/wait-note.ts': {
    N1: ['sleeping › at any time leaves each sleep with its moment'],
  },
  'testing/replay-clock.ts': {
    T1: ['../testing/replay › gives results in the order in which they were recorded'],
    T2: ['../testing/replay › replays a failed run to its failure'],
    T3: ['../testing/replay › fails where the graph no longer cancels a branch, and does not wait for it for ever'],
  },
  'testing/replay-run.ts': {
    P1: ['../testing/replay › replays a run without calling an action'],
    P2: ['../testing/replay › shows a condition that goes another way'],
    P3: ['../testing/replay › gives errors and results of branches the attempts that they had'],
  },
  'testing/run-recording.ts': {
    R1: ['../testing/replay › replays a failed run to its failure'],
    R2: ['../testing/replay › replays chunks, so that a watcher cancels as it did, and the cancels of others'],
  },
  'adapters/ai/message-stream.ts': {
    A1: [
      '../react/ai › ends each text, also of a step that is tried again and of a run that fails',
      '../react/ai › ends with abort when its run is cancelled',
    ],
    A2: ['../react/ai › is read at the pace of its reader, who cancels the run by leaving'],
  },
  'adapters/element/run-graph-element.ts': { E1: ['../react/element › follows its run while it is in the page'] },
  'client/live-value.ts': {
    L1: [
      '../react/react › leave nothing behind, also under strict mode',
      '../react/react › abort what they have asked when they are gone',
    ],
  },
  'client/live-topics.ts': {
    L2: ['../react/react › ask equal questions once, and share one stream'],
    L3: ['../react/react › keep what they have while the server is away, and tell why'],
  },
  'client/live-chunks.ts': { L4: ['../react/react › have each chunk once, also large ones'] },
  'adapters/react/hooks.ts': {
    H1: [
      '../react/react › show on a server what it has read, and go on from there',
      '../react/react › follow another run when they are given one',
    ],
    H2: ['../react/react › ask equal questions once, and share one stream'],
  },
  'client/follow-stream.ts': {
    C1: ['../ui/stream › connects again with the id of its last frame, and ends with its signal'],
  },
  'ui/actions.ts': {
    A1: [
      '../ui/actions › cancels a run for good',
      '../ui/actions › lets a run go on that has failed',
      '../ui/actions › forks a run from a step, with its state edited',
    ],
    A2: ['../ui/actions › tells what to run instead where nothing here can do it'],
  },
  'ui/answer-question.ts': {
    Q1: ['../ui/actions › answers a question of a run of a host, checked by the schema of its kind'],
  },
  'ui/guard.ts': {
    G1: ['../ui/handler › refuses foreign hosts unless somebody decides who may ask'],
    G2: ['../ui/handler › asks for its token, and takes a ticket once'],
  },
  'ui/node-listener.ts': {
    N1: ['../ui/node-listener › aborts the request of a client that has gone, and ends its answer'],
    N2: ['../ui/node-listener › reads an answer as fast as its client'],
  },
  'ui/projects-in.ts': {
    J1: ['../ui/reading › appear when their folder does, and no name leads out of it'],
  },
  'ui/looks.ts': {
    L1: [
      '../ui/stream › has each event once, over lost connections and a server that started again',
      '../ui/stream › has the tree when it has changed, and tells when it is gone',
    ],
    L2: ['../ui/stream › tells that a log is gone whose run has begun anew since'],
  },
  'ui/serve-ui.ts': {
    S1: ['../ui/serve-ui › listens at other addresses with a token only, and opens its page by a ticket'],
    S2: ['../ui/serve-ui › takes the next port that is free, and ends every connection with its close'],
  },
  'ui/stream-answer.ts': {
    T1: [
      '../ui/stream › has each event once, over lost connections and a server that started again',
      '../ui/stream › tells of a gap, of a foreign id and of a log that is gone',
    ],
    T2: ['../ui/stream › tells of a reader that does not keep up, and waits for none'],
    T3: ['../ui/stream › is looked at once for all readers, and by nobody after the last one'],
  },
  'ui/watch.ts': {
    W1: ['../ui/stream › is looked at once for all readers, and by nobody after the last one'],
    W2: ['../ui/stream › fails while the store is away at first, and goes on after it was away later'],
  },
  'ui/page/step-reading.ts': {
    W1: [
      '../ui/step-reading › are read at once where there are few',
      '../ui/browser/long-run › has its newest steps at once, with its whole length',
      '../ui/browser/long-run › opens at the step of its address, with its state and who wrote it',
    ],
    W2: [
      '../ui/step-reading › are the newest first, then each once, whatever their number',
      '../ui/step-reading › wait for the screen, and begin with what is looked at',
    ],
    W3: [
      '../ui/step-reading › have their places by the number of the last one, also where an epoch before has steps of these numbers',
    ],
  },
  'ui/page/virtual-list.tsx': {
    V1: [
      '../ui/browser/long-run › does not move under a reader while the rest is read',
      '../ui/browser/long-run › does not move when steps come above of which nothing was known',
    ],
    V2: ['../ui/browser/long-run › goes to failures that are far from the rows on the screen'],
  },
  'ui/page/step-rows.ts': {
    S1: ['../ui/browser/live › shows children under the step of their parent, with their own times and statuses'],
    S2: ['../ui/browser/page › shows branches of a map that is the first step'],
    S3: ['../ui/browser/long-run › tells of a filter that not all is read'],
  },
  'ui/ui-handler.ts': {
    H1: ['../ui/handler › answers every fault as JSON and rejects for none'],
  },
  'ui/write-routes.ts': {
    W1: ['../ui/actions › takes JSON of a size, and nothing else'],
  },
  'ui/page/cells.ts': {
    C1: ['../ui/page-parts › are one a branch, or buckets with the status of the worst'],
  },
  'ui/page/live-hub.ts': {
    H1: [
      '../ui/browser/live › has one connection for nine tabs',
      '../ui/browser/live › goes on after the server was started again',
    ],
    H2: ['../ui/browser/live › has one connection for nine tabs'],
    H3: [
      '../ui/browser/live › reads again what changed before its stream began',
      '../ui/page-parts › hear at once that a topic is listened to, where another page does',
    ],
  },
  'ui/page/lanes.ts': {
    T1: ['../ui/page-parts › are as many as ran at once, and none has two at one time'],
  },
  'visualize/branch-counts.ts': {
    N1: ['../visualize/boxes › have done the actions before the one at which they are, where their graph is one way'],
    N2: ['../visualize/boxes › has at an action of a product what its branches did, or how many are where'],
  },
  'visualize/data-path.ts': {
    P1: ['../visualize/boxes › hold any key, and give it back'],
  },
  'visualize/drawing.ts': {
    V1: ['../visualize/pictures › is drawn as SVG that is well formed and has no markup of a name'],
    V2: ['../visualize/pictures › has each action and each way once, by its address'],
  },
  'visualize/graph-text.ts': {
    G1: ['../tracking/graphs › has every level of branches, and the same hash'],
    G2: [
      '../tracking/graphs › has every level of branches, and the same hash',
      '../tracking/graphs › has fewer levels of a graph that grows with each one',
    ],
  },
  'visualize/layout.ts': {
    G1: ['../visualize/layout › has the same places for equal graphs, and its own addresses in each'],
    G2: ['../visualize/layout › keeps boxes apart, and all of a graph inside its box'],
    G3: ['../visualize/layout › keeps boxes apart, and all of a graph inside its box'],
    G4: ['../visualize/layout › leaves each branch where it is in its map as others follow'],
  },
  'visualize/machine-marks.ts': {
    M1: [
      '../visualize/pictures › is data for XState, which walks it',
      '../visualize/boxes › has at an action of a product what its branches did, or how many are where',
    ],
  },
  'visualize/picture.ts': {
    D1: ['../visualize/pictures › is drawn for Graphviz, which lays it out without a warning'],
    D2: ['../visualize/pictures › are those of its steps, ways and branches, at every level'],
  },
  'visualize/run-marks.ts': {
    R1: ['../visualize/pictures › are those of its steps, ways and branches, at every level'],
    R2: ['../visualize/pictures › count each turn of a loop'],
    R3: [
      '../visualize/boxes › are boxes up to twelve, and one for all of them from thirteen',
      '../visualize/boxes › are one for all of them where a key is the sign of that',
    ],
    R4: ['../visualize/boxes › are counted at their actions, their steps only where all of them are read'],
  },
  'visualize/run-picture.ts': {
    B1: [
      '../visualize/boxes › are boxes up to twelve, and one for all of them from thirteen',
      '../visualize/boxes › of maps nearer to the root come first, and are 60 at most',
    ],
    B2: ['../visualize/boxes › has the addresses of that branch'],
  },
}
