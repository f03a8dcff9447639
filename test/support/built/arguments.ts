const { TEASEL_BUILT: folder } = process.env

/** The arguments of Node for a program of the tests or examples. In a test it runs over the built `src/`. */
export const SOURCE_ARGUMENTS: readonly string[] = ['--import', folder === undefined ? 'tsx' : `${folder}loader.js`]
