import { importsOf, type SourceFile, withoutComments } from './source-tree.js'

/** The floor plan, ground floor first: a room imports only itself and rooms before it. */
const ROOMS = [
  'internal',
  'errors.ts',
  'store-errors.ts',
  'state',
  'codec',
  'action',
  'graph',
  'parallel',
  'lifecycle',
  'read',
  'executor',
  'persistence',
  'tracking',
  'wire',
  'log',
  'runtime',
  'application',
  'remote',
  'pool',
  'check',
  'host',
  'jobs',
  'define.ts',
  'live',
  'visualize',
  'client',
  'testing',
  'adapters',
  'ui',
  'cli',
  'index.ts',
] as const

const MAX_LINES = 300
/** Files that are one idea and may be longer than the rest, each with the idea. */
const ONE_IDEA: Readonly<Record<string, string>> = {
  'src/adapters/sqlite/sqlite-driver.ts': 'one connection to one file',
  'src/application/live-application.ts': 'one application between its runs',
  'src/application/application.ts': 'what a user sees of an application',
  'src/errors.ts': 'every public error, in one place',
  'src/runtime/application.ts': 'an application and its run',
  'src/runtime/map/map-runner.ts': 'the branches of one visit of a map',
  'src/persistence/journal.ts': 'the rows of one application, in order',
  'src/remote/frame-rules.ts': 'the form of every frame',
  'src/remote/frames.ts': 'the frames between a branch and its owner',
  'src/remote/remote-branch.ts': 'the owner of one branch that runs elsewhere',
  'src/remote/owner-journals.ts': 'the calls of a worker, by the journals of its owner',
  'src/remote/worker-journal.ts': 'the journal of one application in a worker',
  'src/jobs/job-driver.ts': 'the tasks of one executor over an engine of jobs',
  'src/jobs/mail.ts': 'the links of one session',
  'src/host/host.ts': 'the runs of a store that one process holds',
  'src/persistence/record.ts': 'the content of rows',
  'src/persistence/memory-driver.ts': 'one store in memory',
  'src/adapters/sqlite/summaries.ts': 'the summaries of one file',
  'src/adapters/file/run-log.ts': 'the log of one run in one process',
}
/** The most that one idea may take. */
export const MAX_LINES_OF_ONE_IDEA = 400

/** A rule looks at all files of `src/` and tells every breach. */
export type Rule = (files: readonly SourceFile[]) => string[]

const roomOf = (path: string): string => path.split('/')[1] ?? ''
const floorOf = (path: string): number => (ROOMS as readonly string[]).indexOf(roomOf(path))

export const knownRooms: Rule = (files) =>
  files.filter(({ path }) => floorOf(path) < 0).map(({ path }) => `${path} is in no room of the floor plan`)

export const importDirection: Rule = (files) =>
  files.flatMap((file) =>
    importsOf(file)
      .filter((one) => one.file !== undefined && floorOf(one.file) > floorOf(file.path))
      .map((one) => `${file.path} imports ${one.file}, which is on a higher floor`),
  )

/** Durability is an interface to the engine: a program without a persister loads nothing of `persistence/`. */
export const typesOfPersistence: Rule = (files) =>
  files
    .filter(({ path }) => path.startsWith('src/runtime/'))
    .flatMap((file) =>
      importsOf(file)
        .filter((one) => one.file?.startsWith('src/persistence/') === true && !one.typeOnly)
        .map((one) => `${file.path} imports values of ${one.file}`),
    )

/** The parts of the engine; a file outside of them stands directly in `src/runtime/` and is listed here. */
const ENGINE =
  /^src\/runtime\/((run|step|map|message|cancel|actor)\/|(app-facts|application|checkpoint|durability|emit|event-source|parent|sub-app|system)\.ts$)/

export const partsOfEngine: Rule = (files) =>
  files
    .filter(({ path }) => path.startsWith('src/runtime/') && !ENGINE.test(path))
    .map(({ path }) => `${path} is in no part of the engine`)

/** Type imports count: a reader follows them too. */
export const noCycles: Rule = (files) => {
  const edges = new Map(
    files.map((file) => [file.path.replace(/x$/, ''), importsOf(file).flatMap((one) => one.file ?? [])]),
  )
  const done = new Set<string>()
  const faults: string[] = []
  const visit = (path: string, way: readonly string[]): void => {
    const at = way.indexOf(path)
    if (at >= 0) faults.push(`cycle: ${[...way.slice(at), path].join(' → ')}`)
    if (at >= 0 || done.has(path)) return
    for (const next of edges.get(path) ?? []) visit(next, [...way, path])
    done.add(path)
  }
  for (const path of edges.keys()) visit(path, [])
  return faults
}

export const fileSize: Rule = (files) =>
  files.flatMap(({ path, text }) => {
    const lines = text.trimEnd().split('\n').length
    const most = path in ONE_IDEA ? MAX_LINES_OF_ONE_IDEA : MAX_LINES
    return lines > most ? [`${path} has ${lines} lines, more than ${most}`] : []
  })

const VAGUE = /(^|\/)(utils?|helpers?|common|misc|types)(\.tsx?|\/)/

export const fileNames: Rule = (files) =>
  files.flatMap(({ path }) => {
    const faults: string[] = []
    if (!/^[a-z0-9]+(-[a-z0-9]+)*\.tsx?$/.test(path.split('/').at(-1) ?? ''))
      faults.push(`${path} is not in kebab-case`)
    if (VAGUE.test(path)) faults.push(`${path} has a name that says nothing`)
    return faults
  })

/** Where packages may be imported: values, and types alone. */
const HOMES: Readonly<Record<string, { readonly values: RegExp; readonly types: RegExp }>> = {
  xstate: {
    values: /^src\/(runtime\/actor\/|visualize\/paths\.ts$)/,
    types: /^src\/(runtime|application|visualize)\//,
  },
  '@xstate/graph': { values: /^src\/visualize\/paths\.ts$/, types: /^src\/visualize\/paths\.ts$/ },
  '@dagrejs/dagre': { values: /^src\/visualize\/layout\.ts$/, types: /^src\/visualize\/layout\.ts$/ },
  nanoid: { values: /^src\/internal\//, types: /^src\/internal\// },
  '@standard-schema/spec': { values: /^$/, types: /^src\// },
}

export const homesOfPackages: Rule = (files) =>
  files
    .filter(({ path }) => !/^src\/(adapters|ui|cli)\//.test(path))
    .flatMap((file) =>
      importsOf(file)
        .filter((one) => one.file === undefined)
        .filter(({ from, typeOnly }) => {
          const home = HOMES[from]
          if (home === undefined) return true
          return !(home.values.test(file.path) || (typeOnly && home.types.test(file.path)))
        })
        .map(({ from, typeOnly }) => `${file.path} imports ${typeOnly ? 'types' : 'values'} of ${from}`),
    )

/** The page runs in a browser: of the rooms it takes forms of data, the drawing of pictures, and the client. */
const OF_PAGE =
  /^src\/(ui\/page\/|client\/|read\/|internal\/|wire\/(events|sse-frames)\.ts$|action\/context\.ts$|log\/|visualize\/(branch-counts|data-path|drawing|places|picture|run-marks|mark-sums|mark-text)\.ts$)/

export const pageAlone: Rule = (files) =>
  files.flatMap((file) => {
    const isPage = file.path.startsWith('src/ui/page/')
    return importsOf(file).flatMap((one) => {
      if (!isPage) return one.file?.startsWith('src/ui/page/') === true ? [`${file.path} imports the page`] : []
      if (one.file === undefined)
        return /^(preact|@preact\/signals)(\/|$)/.test(one.from) ? [] : [`${file.path} imports ${one.from}`]
      return OF_PAGE.test(one.file) ? [] : [`${file.path} imports ${one.file}, which is not for browsers`]
    })
  })

const FORBIDDEN: readonly (readonly [RegExp, string])[] = [
  [/['"]node:/, 'asks node: (platform.ts asks the process)'],
  [/AsyncLocalStorage/, 'touches AsyncLocalStorage'],
  [/AbortSignal\.any\b/, 'derives signals with AbortSignal.any'],
  [/^export default\b/m, 'has a default export'],
  [/:\s*any\b|<any>|\bas any\b/, 'says any'],
  [/\bconsole\.log\b/, 'prints'],
  [/throw new Error\(/, 'throws a bare Error'],
]
// The one place that may ask Node for its modules.
const EXCUSED: readonly string[] = ['src/internal/platform.ts asks node:']

export const forbiddenWords: Rule = (files) =>
  files
    .filter(({ path }) => !/^src\/(adapters|ui|cli)\//.test(path))
    .flatMap(({ path, text }) => {
      const code = withoutComments(text)
      return FORBIDDEN.filter(([pattern]) => pattern.test(code)).map(([, what]) => `${path} ${what}`)
    })
    .filter((fault) => !EXCUSED.some((excuse) => fault.startsWith(excuse)))

/** Members that XState keeps to itself, and the names of its own events: they change between its versions. */
const OF_XSTATE =
  /\._(actorScope|parent|snapshot|relay|processingStatus|deferred|initialEffects|stop|error|complete|collected\w+)\b|['"`]@?xstate\.(stop|init|done|error|snapshot)\b/

/** XState is met in one room: whatever leans on what is its own stands there. */
export const xstateInOneRoom: Rule = (files) =>
  files
    .filter(({ path, text }) => !path.startsWith('src/runtime/actor/') && OF_XSTATE.test(withoutComments(text)))
    .map(({ path }) => `${path} touches what is XState's own outside src/runtime/actor/`)

/** What a call is given lies on the stack, which holds about a hundred thousand: lists of any length are not spread. */
const SPREAD =
  /\b(push|unshift|splice|concat|max|min|fromCharCode|fromCodePoint|assertNames|partOf)\(([^()]*,\s*)?\.\.\./
/** Spreads a list of a known length. */
const BOUNDED: readonly string[] = ['src/codec/bytes.ts']

export const noLongSpread: Rule = (files) =>
  files
    .filter(({ path, text }) => !BOUNDED.includes(path) && SPREAD.test(withoutComments(text)))
    .map(({ path }) => `${path} spreads a list into a call`)

export const plainIndex: Rule = (files) => {
  const index = files.find(({ path }) => path === 'src/index.ts')
  if (index === undefined) return ['src/index.ts is missing']
  const rest = withoutComments(index.text).replace(/export\s+(type\s+)?\{[^}]*\}\s+from\s+'[^']+'/g, '')
  return rest.trim() === '' ? [] : [`src/index.ts holds more than named re-exports: ${rest.trim().slice(0, 60)}`]
}

export const RULES: Readonly<Record<string, Rule>> = {
  'every file is in a room of the floor plan': knownRooms,
  'a room imports only rooms below it': importDirection,
  'there is no import cycle, types included': noCycles,
  'the engine imports only types of persistence': typesOfPersistence,
  'every file of the engine is in one of its parts': partsOfEngine,
  'a file has at most 300 lines, or is one idea': fileSize,
  'files are named in kebab-case and say what they are': fileNames,
  'packages are imported at home only': homesOfPackages,
  'the page imports only what is for browsers': pageAlone,
  'nothing asks Node, prints, says any or throws a bare Error': forbiddenWords,
  'private parts of XState are touched in src/runtime/actor/ only': xstateInOneRoom,
  'no list of any length is spread into a call': noLongSpread,
  'index.ts holds named re-exports and nothing else': plainIndex,
}

const TOP_LEVEL = [
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'src',
  'test',
  'examples',
  'README.md',
  'LICENSE',
]
const UNTRACKED = ['node_modules', 'dist', 'coverage']

/** @param names the entries of the repository's folder */
export function topLevel(names: readonly string[]): string[] {
  const known = names.filter((name) => !name.startsWith('.') && !UNTRACKED.includes(name))
  return [
    ...known.filter((name) => !TOP_LEVEL.includes(name)).map((name) => `${name} does not belong at the top level`),
    ...TOP_LEVEL.filter((name) => !names.includes(name)).map((name) => `${name} is missing`),
  ]
}

/** Examples show what a user sees: they import `teasel` by name, and never the source. */
export function exampleImports(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) =>
    importsOf(file)
      .filter((one) => one.file !== undefined && !one.file.startsWith('examples/'))
      .map((one) => `${file.path} imports ${one.from}`),
  )
}
