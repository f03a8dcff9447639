// Owns: a check that a text is well-formed XML, as far as pictures use it: elements, attributes, text, five entities.

const TOKEN = /<(\/?)([a-z]+)((?:\s+[a-zA-Z-]+="[^"<&]*(?:&(?:amp|lt|gt|quot|#39);[^"<&]*)*")*)\s*(\/?)>|([^<]+)/gy
const TEXT = /^(?:[^<&]|&(?:amp|lt|gt|quot|#39);)*$/

/** @returns the names of its elements. @throws {Error} with the place of the first fault */
export function checkXml(text: string): ReadonlySet<string> {
  const names = new Set<string>()
  const open: string[] = []
  TOKEN.lastIndex = 0
  for (let at = 0; at < text.length; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at
    const found = TOKEN.exec(text)
    if (found === null) throw new Error(`No markup: ${text.slice(at, at + 80)}`)
    const [, ends, name = '', , empty, content] = found
    if (content !== undefined) {
      if (!TEXT.test(content)) throw new Error(`No text: ${content}`)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: XML cannot hold them
      if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/.test(content)) throw new Error(`A control character: ${content}`)
    } else if (ends === '/') {
      if (open.pop() !== name) throw new Error(`</${name}> ends nothing.`)
    } else {
      names.add(name)
      if (empty !== '/') open.push(name)
    }
  }
  if (open.length > 0) throw new Error(`<${open.at(-1)}> has no end.`)
  return names
}
