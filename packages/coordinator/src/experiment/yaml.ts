import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  parseDocument,
  Parser,
  type Alias,
  type Document,
  type Node,
  type YAMLMap,
} from 'yaml';
import { Failure } from '@prunegrid/core/failure';
import { type Places, type KeyPath } from './places.js';

/**
 * Most values that all aliases of a file together may expand to: ten for each trial of the largest sweep, and far below
 * what an alias bomb needs. Values that are written out are bounded by the size of the file.
 */
const maxAliasedValues = 100_000;
/** Most levels of nesting, aliases included. */
const maxDepth = 16;

export type Plain = null | boolean | number | string | Plain[] | PlainMap;
export interface PlainMap {
  [key: string]: Plain;
}

/**
 * Reads one YAML 1.2 document. A merge key (`<<: *name`, or a list of maps) takes in the keys of other maps that the map
 * does not have itself, as YAML 1.1's `tag:yaml.org,2002:merge` says; what was taken in keeps the place where it was written.
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
  // The anchors passed so far: an alias means the nearest one before it.
  const anchors = new Map<string, Node>();
  let aliasedValues = 0;

  const plain = (node: Node | null, path: KeyPath, depth: number, aliased: boolean): Plain => {
    if (node === null) return null;
    const offset = node.range?.[0] ?? 0;
    places.add(path, { value: place(offset) });
    if (aliased) aliasedValues += 1;
    if (aliasedValues > maxAliasedValues || depth > maxDepth) throw tooMuch(place(offset));
    if (isAlias(node)) return plain(known(node), path, depth + 1, true);
    if (!aliased && 'anchor' in node && typeof node.anchor === 'string') anchors.set(node.anchor, node);
    if (isSeq(node)) {
      return node.items.map((item, index) => plain(item as Node | null, [...path, index], depth + 1, aliased));
    }
    if (isMap(node)) {
      const map: PlainMap = {};
      fill(map, node, path, depth, aliased);
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

  const known = (alias: Alias): Node => {
    const target = anchors.get(alias.source);
    if (target !== undefined) return target;
    throw new Failure(
      'input',
      `${place(alias.range?.[0] ?? 0)}: no "&${alias.source}" before this "*${alias.source}"; quote the value if it is text`,
    );
  };

  /** Puts a map's pairs into `map`, first those that its merge key takes in, which its own then replace. */
  const fill = (map: PlainMap, node: YAMLMap, path: KeyPath, depth: number, aliased: boolean): void => {
    const pairs = node.items as { key: Node | null; value: Node | null }[];
    const merges = pairs.filter(({ key }) => isMergeKey(key));
    if (merges.length > 1) throw twice(place(merges[1].key?.range?.[0] ?? 0));
    for (const { value } of merges) merge(map, value, path, depth + 1, aliased);
    const own = new Set<string>();
    for (const { key: keyNode, value } of pairs.filter(({ key }) => !isMergeKey(key))) {
      const keyPlace = place(keyNode?.range?.[0] ?? node.range?.[0] ?? 0);
      const key = isScalar(keyNode) ? keyNode.value : undefined;
      if (typeof key !== 'string')
        throw new Failure('input', `${keyPlace}: a key must be plain text; quote it if it is meant as text`);
      if (key === '__proto__')
        throw new Failure('input', `${keyPlace}: the key "__proto__" is not allowed; take it out`);
      if (own.has(key)) throw twice(keyPlace);
      own.add(key);
      const inner = [...path, key];
      if (Object.hasOwn(map, key)) places.forget(inner);
      places.add(inner, { key: keyPlace, value: keyPlace });
      map[key] = plain(value, inner, depth + 1, aliased);
    }
  };

  /** Puts the pairs of what a merge key names into `map`: of one map, or of each of a list, of which earlier ones win. */
  const merge = (map: PlainMap, source: Node | null, path: KeyPath, depth: number, aliased: boolean): void => {
    const where = place(source?.range?.[0] ?? 0);
    if (aliased) aliasedValues += 1;
    if (depth > maxDepth || aliasedValues > maxAliasedValues) throw tooMuch(where);
    if (isAlias(source)) return merge(map, known(source), path, depth + 1, true);
    if (isMap(source)) {
      if (!aliased && source.anchor !== undefined) anchors.set(source.anchor, source);
      return fill(map, source, path, depth, aliased);
    }
    if (!isSeq(source)) {
      throw new Failure(
        'input',
        `${where}: "<<" takes in the keys of a map, such as *name; name a map or a list of maps`,
      );
    }
    for (const item of source.items.toReversed()) merge(map, item as Node | null, path, depth + 1, aliased);
  };
  return plain(document.contents, root, 0, false);
}

/** A key `<<` that is written without quotes. */
const isMergeKey = (key: Node | null): boolean => isScalar(key) && key.value === '<<' && key.type === 'PLAIN';

const twice = (place: string): Failure =>
  new Failure('input', `${place}: this key is given a second time; keep one of the two`);

const tooMuch = (place: string): Failure =>
  new Failure(
    'input',
    `${place}: grows beyond ${maxAliasedValues} values and ${maxDepth} levels, as aliases within aliases do; write the experiment out`,
  );

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
  const document = parseDocument(text, {
    lineCounter: lines,
    ...{ prettyErrors: false, schema: 'core', strict: true },
    // The package compares each key with all before it, which takes minutes for the longest map that a file can hold.
    uniqueKeys: false,
  });
  // Later errors usually follow from the first one.
  const [error] = [...document.errors, ...document.warnings];
  if (error === undefined) return document;
  const where = place(error.pos[0]);
  switch (error.code) {
    case 'MULTIPLE_DOCS':
      throw new Failure('input', `${where}: a second YAML document starts here; keep one experiment a file`);
    case 'TAB_AS_INDENT':
      throw new Failure('input', `${where}: a tab indents this line; use spaces`);
    default:
      throw new Failure('input', `${where}: not valid YAML: ${error.message.split('\n')[0]}`);
  }
}
