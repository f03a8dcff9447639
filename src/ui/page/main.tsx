import { render } from 'preact'
import { followKeys } from './keys.js'
import { followLinks } from './route.js'
import { Shell, startTheme } from './shell.js'

// The page: everything starts here.

startTheme()
followLinks()
followKeys()
render(<Shell />, document.getElementById('page') ?? document.body)
