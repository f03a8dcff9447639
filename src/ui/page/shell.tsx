import { effect, signal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { isFile, isLostFile } from './client.js'
import { Compare } from './compare.js'
import { dialog, notice } from './dialog.js'
import { DroppedFile, openFile } from './file.js'
import { Guarded } from './guarded.js'
import { Inbox } from './inbox.js'
import { showHelp, showPalette } from './keys.js'
import { liveState, shownRun, useTopic } from './live.js'
import { MapScreen } from './map.js'
import { memory } from './memory.js'
import { Empty, Problem } from './parts.js'
import { Projects } from './projects.js'
import { ask, href, route } from './route.js'
import { Run } from './run.js'
import { Runs } from './runs.js'
import { StaticGraph } from './static-graph.js'
import { count, short, visible } from './words.js'

// Owns: what stands around every screen, and which screen it is.

type Theme = 'auto' | 'light' | 'dark'
const THEMES: readonly Theme[] = ['auto', 'light', 'dark']
const theme = signal<Theme>(THEMES.find((one) => one === memory.get('teasel-theme')) ?? 'auto')

/** Light and dark follow the system until they are chosen. */
export function startTheme(): void {
  effect(() => {
    document.documentElement.dataset['theme'] = theme.value
    memory.set('teasel-theme', theme.value)
    document.dispatchEvent(new Event('themechange'))
  })
}

export function Shell(): JSX.Element {
  const place = route.value
  const project = 'project' in place ? place.project : undefined
  const Open = dialog.value
  useEffect(() => {
    document.title = [titleNow(), 'Teasel'].filter((part) => part !== '').join(' · ')
  })
  return (
    <>
      <a class="skip" href="#main">
        To the content
      </a>
      <header class="top">
        <nav aria-label="Place" class="crumbs">
          <a href={href([])} class="brand">
            <span aria-hidden="true">◆</span> Teasel
          </a>
          <Crumbs />
        </nav>
        <span class="grow" />
        {project !== undefined && !isLostFile(project) && (
          <>
            <Live project={project} />
            <a href={href(['p', project, 'inbox'])}>Questions</a>
          </>
        )}
        <button type="button" class="small" onClick={showPalette}>
          Go to <kbd>Ctrl K</kbd>
        </button>
        <button
          type="button"
          class="small"
          onClick={() => {
            theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? 'auto'
          }}
          aria-label={`Colours: ${theme.value}`}
        >
          {{ auto: '◐', light: '☀\ufe0e', dark: '☾' }[theme.value]}
        </button>
        <button type="button" class="small" onClick={showHelp} aria-label="Keys">
          ?
        </button>
      </header>
      <main
        id="main"
        tabIndex={-1}
        onDragOver={(event) => event.preventDefault()}
        onDrop={(event) => {
          const file = event.dataTransfer?.files[0]
          if (file === undefined) return
          event.preventDefault()
          void openFile(file)
        }}
      >
        <Guarded>
          <Screen />
        </Guarded>
      </main>
      {Open !== undefined && <Open />}
      <Notice />
    </>
  )
}

function Screen(): JSX.Element {
  const place = route.value
  if (ask('open') !== undefined) return <DroppedFile />
  if ('project' in place && isLostFile(place.project)) return <DroppedFile lost />
  switch (place.screen) {
    case 'projects':
      return <Projects />
    case 'runs':
      return <Runs key={place.project} project={place.project} />
    case 'inbox':
      return <Inbox key={place.project} project={place.project} />
    case 'compare':
      return <Compare project={place.project} />
    case 'run':
      return <Run key={place.run} project={place.project} runId={place.run} />
    case 'map':
      return <MapScreen key={place.map} project={place.project} runId={place.run} map={place.map} />
    case 'graph':
      return <StaticGraph hash={place.hash} />
    case 'missing':
      return (
        <div class="page">
          <h1>Nothing here</h1>
          <Empty>
            <p>This address leads nowhere.</p>
            <a class="button" href={href([])}>
              All projects
            </a>
          </Empty>
        </div>
      )
  }
}

function titleNow(): string {
  const place = route.value
  if (place.screen === 'run') return ask('path') ?? short(place.run)
  if (place.screen === 'map') return place.map
  return 'project' in place ? place.project : ''
}

function Crumbs(): JSX.Element | null {
  const place = route.value
  if (!('project' in place)) return null
  const { project } = place
  const run = 'run' in place ? place.run : undefined
  const path = ask('path') ?? ''
  const parts = path === '' ? [] : path.split('/')
  const levels = Array.from({ length: Math.ceil(parts.length / 2) }, (_, i) => parts.slice(0, 2 * i + 2))
  const partition = ask('partition')
  return (
    <>
      <span aria-hidden="true">/</span> <a href={href(['p', project])}>{project}</a>
      {run !== undefined && (
        <>
          {' '}
          <span aria-hidden="true">/</span> <a href={href(['p', project, 'r', run], { partition })}>{short(run)}</a>
        </>
      )}
      {run !== undefined &&
        levels.map((level) => (
          <span key={level.join('/')}>
            {' '}
            <span aria-hidden="true">/</span>{' '}
            <a href={href(['p', project, 'r', run], { path: level.join('/'), partition })}>
              {visible(level.slice(-2).join(' · '))}
            </a>
          </span>
        ))}
      {place.screen === 'map' && (
        <>
          {' '}
          <span aria-hidden="true">/</span> <span>{place.map}</span>
        </>
      )}
    </>
  )
}

const LIVE = { live: ['●', 'live'], reconnecting: ['◐', 'reconnecting'], off: ['○', 'read at intervals'] } as const

/** The state of the connection. A project always has one while it is shown. */
function Live({ project }: { readonly project: string }): JSX.Element {
  useTopic(project, 'runs', () => {})
  const { state, retryMs } = liveState.value
  if (isFile(project)) return <span class="live">a file</span>
  const run = shownRun.value
  const isOver = state === 'live' && run?.isOver === true
  const [mark, word] = isOver ? ['○', 'ended'] : LIVE[state]
  return (
    <span class="live" data-live={state} data-over={isOver}>
      <span role="status">
        <span aria-hidden="true">{mark}</span> {word}
        {state === 'reconnecting' && retryMs !== undefined && ` (${Math.ceil(retryMs / 1000)} s)`}
      </span>
      {run?.seq !== undefined && <span title="The last event that was read"> · {count(run.seq)}</span>}
    </span>
  )
}

const NOTICE_MS = 6000

function Notice(): JSX.Element {
  const { text, error } = notice.value ?? {}
  useEffect(() => {
    if (notice.value === undefined || error !== undefined) return undefined
    const timer = setTimeout(() => {
      notice.value = undefined
    }, NOTICE_MS)
    return () => clearTimeout(timer)
  }, [notice.value])
  return (
    <div class="notice" aria-live="polite" data-shown={notice.value !== undefined}>
      {text !== undefined && text !== '' && <p>{text}</p>}
      <Problem error={error} />
      {notice.value !== undefined && (
        <button
          type="button"
          class="small"
          onClick={() => {
            notice.value = undefined
          }}
        >
          Close
        </button>
      )}
    </div>
  )
}
