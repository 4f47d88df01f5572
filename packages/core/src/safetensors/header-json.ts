/** The deepest header there can be: a list (shape) in an object (tensor) in an object (header). */
const deepest = 3;

/**
 * JSON.parse for a header that may be hostile: refuses what JSON.parse lets pass, a key that comes twice (readers would
 * disagree on which one counts) and nesting that only serves to fill the memory.
 *
 * @throws {SyntaxError}
 */
export function parseHeaderJson(text: string): unknown {
  /** The keys of each object or list that is open at this place. A list has none. */
  const open: Set<unknown>[] = [];
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === '{' || character === '[') {
      if (open.push(new Set()) > deepest) throw new SyntaxError('nested too deeply');
    } else if (character === '}' || character === ']') {
      open.pop();
    } else if (character === '"') {
      const end = endOfString(text, i);
      if (isKey(text, end)) {
        const key: unknown = JSON.parse(text.slice(i, end));
        const keys = open.at(-1);
        if (keys?.has(key)) throw new SyntaxError('a key comes twice');
        keys?.add(key);
      }
      i = end - 1;
    }
  }
  return JSON.parse(text);
}

/** Where the text goes on after the string that starts at `start`. */
function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (i < text.length && text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
  return i + 1;
}

/** A string is a key where a colon follows it. */
function isKey(text: string, end: number): boolean {
  let i = end;
  while (text[i] === ' ' || text[i] === '\t' || text[i] === '\n' || text[i] === '\r') i += 1;
  return text[i] === ':';
}
