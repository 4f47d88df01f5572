import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  parseDocument,
  Parser,
  type Document,
  type Node,
} from 'yaml';
import { Failure } from '@prunegrid/core/failure';
import { type Places, type KeyPath } from './places.js';

/**
 * The largest number of nodes after aliases are expanded, and the deepest nesting. Both are far above the needs of any
 * experiment, and low enough to refuse a file whose aliases expand exponentially.
 */
const maxNodes = 2_000;
const maxDepth = 16;

export type Plain = null | boolean | number | string | Plain[] | PlainMap;
export interface PlainMap {
  [key: string]: Plain;
}

/**
 * Reads one YAML 1.2 document.
 * @param at turns a line and column, from 1, into the place that messages start with, such as `lenet5.yaml:3:7`
 * @param places takes down where every key and value was found, under `root`
 * @returns null for an empty document
 * @throws Failure `input`, one line, on the first thing that is not plain YAML: syntax, duplicate keys, a second
 * document, tags, keys that are not text, aliases without an anchor or that expand without end
 */
export function readYaml(
  text: string,
  at: (line: number, column: number) => string,
  places: Places,
  root: KeyPath = [],
): Plain {
  refuseDeepNesting(text, at);
  const lines = new LineCounter();
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return at(line, col);
  };
  const document = parse(text, lines, place);
  let nodes = 0;

  const plain = (node: Node | null, path: KeyPath, depth: number): Plain => {
    if (node === null) return null;
    const offset = node.range?.[0] ?? 0;
    places.add(path, { value: place(offset) });
    nodes += 1;
    if (nodes > maxNodes || depth > maxDepth) {
      const limit = `${maxNodes} values and ${maxDepth} levels`;
      throw new Failure(
        'input',
        `${place(offset)}: grows beyond ${limit}, as aliases within aliases do; write the experiment out`,
      );
    }
    if (isAlias(node)) {
      const target = node.resolve(document);
      if (target === undefined) {
        throw new Failure(
          'input',
          `${place(offset)}: no "&${node.source}" before this "*${node.source}"; quote the value if it is text`,
        );
      }
      return plain(target, path, depth + 1);
    }
    if (isSeq(node)) return node.items.map((item, index) => plain(item as Node | null, [...path, index], depth + 1));
    if (isMap(node)) {
      const map: PlainMap = {};
      for (const pair of node.items) {
        const keyNode = pair.key as Node | null;
        const keyPlace = place(keyNode?.range?.[0] ?? offset);
        const key = isScalar(keyNode) ? keyNode.value : undefined;
        if (typeof key !== 'string')
          throw new Failure('input', `${keyPlace}: a key must be plain text; quote it if it is meant as text`);
        if (key === '__proto__')
          throw new Failure('input', `${keyPlace}: the key "__proto__" is not allowed; take it out`);
        places.add([...path, key], { key: keyPlace, value: keyPlace });
        map[key] = plain(pair.value as Node | null, [...path, key], depth + 1);
      }
      return map;
    }
    const value = isScalar(node) ? node.value : undefined;
    if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      return value;
    throw new Failure(
      'input',
      `${place(offset)}: neither text, number, true, false, list nor map; write it as one of these`,
    );
  };
  return plain(document.contents, root, 0);
}

/**
 * The package yaml composes nested values by recursion, and a stack overflow inside V8's regular expressions ends the
 * whole process instead of throwing. The parser of yaml keeps its own stack, so the depth can be checked first.
 */
function refuseDeepNesting(text: string, at: (line: number, column: number) => string): void {
  const lines = new LineCounter();
  lines.addNewLine(0);
  const parser = new Parser(lines.addNewLine);
  for (const lexeme of new Lexer().lex(text)) {
    for (const _document of parser.next(lexeme)); // Documents are of no use here, but must be drawn for it to go on.
    // The stack also contains the document itself and a scalar at the deepest level.
    if (parser.stack.length > maxDepth + 2) {
      const { line, col } = lines.linePos(parser.offset);
      throw new Failure('input', `${at(line, col)}: nested more than ${maxDepth} levels deep; write it flatter`);
    }
  }
}

function parse(text: string, lines: LineCounter, place: (offset: number) => string): Document {
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, schema: 'core', strict: true });
  // Later errors usually follow from the first one.
  const [error] = [...document.errors, ...document.warnings];
  if (error === undefined) return document;
  const where = place(error.pos[0]);
  switch (error.code) {
    case 'DUPLICATE_KEY':
      throw new Failure('input', `${where}: this key is given a second time; keep one of the two`);
    case 'MULTIPLE_DOCS':
      throw new Failure('input', `${where}: a second YAML document starts here; keep one experiment a file`);
    case 'TAB_AS_INDENT':
      throw new Failure('input', `${where}: a tab indents this line; use spaces`);
    default:
      throw new Failure('input', `${where}: not valid YAML: ${error.message.split('\n')[0]}`);
  }
}
