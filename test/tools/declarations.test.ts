import { describe, expect, it } from 'vitest'
import { smallerDeclarations } from './declarations.js'

const SHARED = `/** A place. */
interface Where {
    readonly path: string;
}
declare class Lost extends Error {
}
declare class Hidden {
}
declare function find(path: string): Where;
declare function find(path: string, from: Where): Where;
interface Inner {
}
export { type Where as W, Lost as L, type Hidden as H, find as f };
`
const ENTRY = `import { W as Where, L as Lost, H as Hidden } from './run-places-C-8_wGWo.js';
export { L as Lost, f as look } from './run-places-C-8_wGWo.js';
import './run-places-C-8_wGWo.js';
import { Snapshot } from 'xstate';

interface Own extends Where {
    readonly at: Hidden;
}

export { type Own, Where, Own as Named };
`

describe('smallerDeclarations()', () => {
  const made = smallerDeclarations(
    new Map([
      ['run-places-C-8_wGWo.d.ts', SHARED],
      ['index.d.ts', ENTRY],
    ]),
  )

  it('exports each declaration of a shared file where it stands, and keeps what is private or a type only', () => {
    expect(made.get('t00-run-places.d.ts')).toBe(`/** A place. */
export interface Where {
 readonly path: string;
}
export declare class Lost extends Error {
}
declare class Hidden {
}
export declare function find(path: string): Where;
export declare function find(path: string, from: Where): Where;
interface Inner {
}

export { type Hidden };
`)
  })

  it('imports by the names of the declarations, keeps the public names, and drops an import for its effects', () => {
    expect(made.get('index.d.ts')).toBe(`import { Hidden, Lost, Where } from './t00-run-places.js';
export { Lost, find as look } from './t00-run-places.js';

import { Snapshot } from 'xstate';

export interface Own extends Where {
 readonly at: Hidden;
}

export { Where, Own as Named };
`)
  })

  it('throws when a file imports what a shared one does not export', () => {
    const files = new Map([
      ['run-places-C-8_wGWo.d.ts', 'interface Where {\n}\nexport type { Where as W };\n'],
      ['index.d.ts', "import { X } from './run-places-C-8_wGWo.js';\n"],
    ])
    expect(() => smallerDeclarations(files)).toThrow('index.d.ts: ./run-places-C-8_wGWo.js exports no X.')
  })
})
