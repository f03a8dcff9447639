import type { LiveRun } from '../tree.js'

/**
 * What follows a wait, if the run still goes on by then. A run that was given up meanwhile has ended, and nothing more
 * follows from it.
 *
 * @returns what `go` returned; undefined where the run has ended
 */
export function ifStill<T, R>(
  run: Pick<LiveRun, 'running'>,
  wait: Promise<T>,
  go: (value: T) => R | Promise<R>,
): Promise<R | undefined> {
  return wait.then((value) => (run.running ? go(value) : undefined))
}
