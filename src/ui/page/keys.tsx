import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { clientOf } from './client.js'
import { closeDialog, Dialog, dialog } from './dialog.js'
import { useLoaded } from './loaded.js'
import { memory } from './memory.js'
import { ask, go, href, query, route, setQuery } from './route.js'
import { NEXT_FAILURE, PREVIOUS_FAILURE } from './step-list.js'
import { titleOf } from './words.js'

// Owns: what keys do, the list of them, and the palette.
// A single key does nothing in a field that takes text, with a modifier, or when keys are turned off.

interface Key {
  readonly keys: string
  readonly does: string
}

const HELP: readonly Key[] = [
  { keys: 'j k ↓ ↑', does: 'next, previous row' },
  { keys: '→ ←', does: 'unfold, fold a row' },
  { keys: 'Enter', does: 'open what is chosen' },
  { keys: 'f  Shift+F', does: 'next, previous failure' },
  { keys: '[ ]', does: 'previous, next branch' },
  { keys: 'm', does: 'the map of a branch' },
  { keys: '1 … 8', does: 'tab of the details' },
  { keys: 'v', does: 'graph, timeline, outline, data' },
  { keys: '.', does: 'follow the newest step' },
  { keys: '+ − 0', does: 'size of the graph, fit' },
  { keys: 'g p, g r, g i', does: 'projects, runs, questions' },
  { keys: '/', does: 'filter' },
  { keys: 'x', does: 'cancel, after a question' },
  { keys: 'c', does: 'copy the link to this' },
  { keys: 'Ctrl+K', does: 'go to anything' },
  { keys: '?', does: 'this help' },
]

const isOff = (): boolean => memory.get('teasel-keys') === 'off'

function Help(): JSX.Element {
  const [off, setOff] = useState(isOff())
  return (
    <Dialog title="Keys" close={closeDialog}>
      <dl class="keys">
        {HELP.map(({ keys, does }) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <label class="check">
        <input
          type="checkbox"
          checked={!off}
          onChange={({ currentTarget: { checked } }) => {
            memory.set('teasel-keys', checked ? 'on' : 'off')
            setOff(!checked)
          }}
        />{' '}
        Single keys do something
      </label>
    </Dialog>
  )
}

export const showHelp = (): void => {
  dialog.value = () => <Help />
}
export const showPalette = (): void => {
  dialog.value = () => <Palette />
}

interface Target {
  readonly name: string
  readonly to: string
}

function Palette(): JSX.Element {
  const [text, setText] = useState('')
  const [at, setAt] = useState(0)
  const place = route.value
  const project = 'project' in place ? place.project : undefined
  const projects = useLoaded('projects', () => clientOf('').projects())
  const runs = useLoaded(project === undefined ? undefined : `palette ${project} ${text}`, () =>
    clientOf(project ?? '').list({ partitionKey: '*', limit: 12, ...(text !== '' && { text }) }),
  )
  const targets: Target[] = [
    { name: 'Projects', to: href([]) },
    ...(project === undefined
      ? []
      : [
          { name: `Runs of ${project}`, to: href(['p', project]) },
          { name: `Failed runs of ${project}`, to: href(['p', project], { status: 'failed' }) },
          { name: `Questions of ${project}`, to: href(['p', project, 'inbox']) },
        ]),
    ...(projects.data ?? []).map(({ name }) => ({ name: `Project ${name}`, to: href(['p', name]) })),
  ].filter(({ name }) => name.toLowerCase().includes(text.toLowerCase()))
  for (const { runId, title, partitionKey } of runs.data?.items ?? [])
    targets.push({
      name: `Run ${titleOf({ title, runId })}`,
      to: href(['p', project ?? '', 'r', runId], { partition: partitionKey }),
    })
  const open = (one: Target | undefined): void => {
    if (one === undefined) return
    closeDialog()
    go(one.to)
  }
  return (
    <Dialog title="Go to" close={closeDialog}>
      <input
        autoFocus
        role="combobox"
        aria-label="Go to a project or a run"
        aria-expanded="true"
        aria-controls="targets"
        aria-activedescendant={`target-${at}`}
        placeholder="A project, a run, a title"
        value={text}
        onInput={({ currentTarget }) => {
          setText(currentTarget.value)
          setAt(0)
        }}
        onKeyDown={(event) => {
          const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
          if (step !== undefined) {
            event.preventDefault()
            setAt((at + step + targets.length) % Math.max(1, targets.length))
          }
          if (event.key === 'Enter') open(targets[at])
        }}
      />
      <div id="targets" role="listbox" aria-label="Targets" class="targets">
        {targets.map((one, i) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the field above takes the keys
          <div
            key={one.to}
            id={`target-${i}`}
            role="option"
            aria-selected={i === at}
            tabIndex={-1}
            onClick={() => open(one)}
          >
            {one.name}
          </div>
        ))}
      </div>
    </Dialog>
  )
}

const press = (selector: string): void => {
  const found = document.querySelector<HTMLElement>(selector)
  if (found !== null) found.click()
}

/** Asks the list of steps, of which only some rows are on the page. @returns false where there is none */
function askList(key: string): boolean {
  const list = document.querySelector('.steps')
  list?.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }))
  return list !== null
}

/** The rows of a list, walked as the arrow keys do. */
function walk(key: 'ArrowDown' | 'ArrowUp'): void {
  if (askList(key)) return
  const links = [...document.querySelectorAll<HTMLElement>('main tbody a, main .row a, main .card h2 a')]
  const at = links.indexOf(document.activeElement as HTMLElement)
  links[Math.min(links.length - 1, Math.max(0, at + (key === 'ArrowDown' ? 1 : -1)))]?.focus()
}

function failure(step: 1 | -1): void {
  if (askList(step === 1 ? NEXT_FAILURE : PREVIOUS_FAILURE)) return
  const rows = [
    ...document.querySelectorAll<HTMLElement>('.row[data-status=failed], main tr[data-status=failed] .run-name a'),
  ]
  const at = rows.findIndex((row) => row.getAttribute('aria-selected') === 'true' || row === document.activeElement)
  const next = rows[(at + step + rows.length) % Math.max(1, rows.length)]
  if (next === undefined) return
  next.scrollIntoView({ block: 'nearest' })
  if (next.getAttribute('role') === 'treeitem') next.click()
  else (next.querySelector<HTMLElement>('a') ?? next).focus()
}

const VIEWS = ['graph', 'timeline', 'outline', 'data']
const TABS = ['state', 'diff', 'inputs', 'result', 'error', 'logs', 'spans', 'stream']

let isGoing = false

/** What a single key does; false for one that does nothing. */
function single(key: string): boolean {
  const place = route.value
  const project = 'project' in place ? place.project : undefined
  if (isGoing) {
    isGoing = false
    if (key === 'p') go(href([]))
    else if (project !== undefined && key === 'r') go(href(['p', project]))
    else if (project !== undefined && key === 'i') go(href(['p', project, 'inbox']))
    return true
  }
  const tab = TABS[Number(key) - 1]
  switch (key) {
    case 'g':
      isGoing = true
      setTimeout(() => {
        isGoing = false
      }, 1200)
      return true
    case 'j':
      walk('ArrowDown')
      return true
    case 'k':
      walk('ArrowUp')
      return true
    case 'f':
      failure(1)
      return true
    case 'F':
      failure(-1)
      return true
    case '/':
      document.querySelector<HTMLElement>('#filter')?.focus()
      return true
    case '?':
      showHelp()
      return true
    case '.':
      if (place.screen === 'run') setQuery({ step: undefined, epoch: undefined })
      return true
    case 'v':
      if (place.screen === 'run') setQuery({ view: VIEWS[(VIEWS.indexOf(ask('view') ?? 'graph') + 1) % VIEWS.length] })
      return true
    case 'c':
      void navigator.clipboard?.writeText(globalThis.location.href)
      return true
    case '[':
    case ']':
    case 'm':
    case 'x':
    case '+':
    case '-':
    case '0':
      press(`main [data-key="${key}"]`)
      return true
    default:
      if (tab === undefined || place.screen !== 'run') return false
      setQuery({ tab })
      return true
  }
}

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))

export function followKeys(): void {
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented) return
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
      event.preventDefault()
      showPalette()
      return
    }
    if (event.key === 'Escape' && isTyping(event.target)) (event.target as HTMLElement).blur()
    if (event.key === 'Escape' && dialog.value === undefined && query.value.has('step'))
      setQuery({ step: undefined, epoch: undefined })
    if (
      event.ctrlKey ||
      event.metaKey ||
      event.altKey ||
      isTyping(event.target) ||
      dialog.value !== undefined ||
      isOff()
    )
      return
    if (single(event.key)) event.preventDefault()
  })
}
