/** The deepest nesting of a valid header: a list (shape) in an object (tensor) in an object (header). */
const deepest = 3;

/**
 * The largest number of keys in one object of a header, and thus of tensors in a file. The largest published models have
 * fewer than 100,000 tensors in all their files together, and a header of millions would take minutes and gigabytes.
 */
export const maxTensors = 100_000;

/** Thrown if an object of a header has more keys than `maxTensors`. */
export class TooManyTensors extends Error {}

/**
 * Parses the JSON of a header that may be malicious. Unlike JSON.parse, it refuses a key that occurs twice, because
 * readers would disagree on which value counts, and deep nesting, which could exhaust the memory.
 *
 * @throws {SyntaxError} if the text is not such JSON
 * @throws {TooManyTensors} if there are more than `maxTensors`
 */
export function parseHeaderJson(text: string): unknown {
  /** The keys of each object or list that is open at this position. A list has no keys. */
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
        if (keys && keys.size > maxTensors) throw new TooManyTensors();
      }
      i = end - 1;
    }
  }
  return JSON.parse(text);
}

/** Returns the position after the string that starts at `start`. */
function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (i < text.length && text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
  return i + 1;
}

/** Returns whether the string that ends at `end` is a key, which means that a colon follows it. */
function isKey(text: string, end: number): boolean {
  let i = end;
  while (text[i] === ' ' || text[i] === '\t' || text[i] === '\n' || text[i] === '\r') i += 1;
  return text[i] === ':';
}
