// Owns: addresses as attributes of a picture. XML has no control characters, and a key may have them.
// P1  Two addresses are two attributes, and an attribute gives its address back. In an address, `~` is never followed by `u`.

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that an attribute cannot hold
const UNFIT = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069\ufffe\uffff]|\p{Surrogate}/gu

/** An address as an attribute: a control character is written as `~u001b`. */
export const toDataPath = (path: string): string =>
  path.replace(UNFIT, (sign) => `~u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** The address that an attribute holds. */
export const fromDataPath = (attribute: string): string =>
  attribute.replace(/~u([0-9a-f]{4})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))

/** A text in one line, without signs that move a cursor or turn the direction of writing. */
export const flatText = (text: string): string => text.replace(UNFIT, ' ')
