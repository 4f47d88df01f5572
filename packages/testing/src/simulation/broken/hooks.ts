import type { LoadHook } from 'node:module';

import type { Edit } from './mutations.js';

let edits: readonly Edit[] = [];

/** Called by Node in the thread in which modules are loaded. */
export function initialize(data: readonly Edit[]): void {
  edits = data;
}

/** Changes the text of the modules that a mutation names. Throws Error if a mutation does not fit them any more. */
export const load: LoadHook = async (url, context, nextLoad) => {
  const loaded = await nextLoad(url, context);
  const own = edits.filter(({ module }) => url.endsWith(`/packages/${module}`));
  if (own.length === 0) return loaded;
  let text = Buffer.from(loaded.source as Uint8Array).toString('utf8');
  for (const { module, from, to } of own) {
    const parts = text.split(from);
    if (parts.length !== 2) throw new Error(`${module} has "${from}" ${parts.length - 1} times, where one is changed`);
    text = parts.join(to);
  }
  return { ...loaded, source: text };
};
