export type { ActionContext } from '../../action/context.js'
export { currentContext } from './current-context.js'
