import { brief, counted, grouped } from '@prunegrid/core/text/figures';
import type { ModelGraph } from '@prunegrid/trainer/models/trace/graph';

import { faint, fontFamily, ink } from '../sweep/charts/figure.js';
import { type Layout, layOutGraph } from './layout.js';
import type { LayerOverview, ModelOverview } from './overview.js';

const BOX = { width: 330, gap: 26, padding: 10, line: 17 };
const ROW_GAP = 24;
const MARGIN = 24;
const HEADER = 62;
/** The distance of lanes in which nothing but edges passes. */
const NARROW = 22;
/** The most characters in a line of a box. */
const MOST = 48;
const MOST_BOLD = 36;

const colors: Record<LayerOverview['kind'] | 'other', { fill: string; stroke: string }> = {
  convolution: { fill: '#e3f0f8', stroke: '#0072B2' },
  dense: { fill: '#fbeadf', stroke: '#D55E00' },
  recurrent: { fill: '#e0f3ed', stroke: '#009E73' },
  other: { fill: '#f4f5f7', stroke: faint },
};

/** A part of the network as a box. */
interface Box {
  title: string;
  lines: string[];
  kind: LayerOverview['kind'] | 'other';
}

/**
 * Draws a network as SVG text that refers to no other file: its layers with their weights and multiply-accumulates from
 * top to bottom, what follows each, and where branches meet.
 */
export function modelPicture(overview: ModelOverview, graph: ModelGraph): string {
  const boxes = graph.map((part, i) => boxOf(overview, part, i));
  const layout = layOutGraph(graph.map(({ reads }) => reads));
  const { tops, heights, bottom } = rowsOf(boxes, layout);
  const { lefts, right } = lanesOf(layout);
  const width = Math.max(right + MARGIN, BOX.width + 2 * MARGIN);
  const place = (part: number) => {
    const { row, lane } = layout.places[part];
    return { x: lefts[lane], y: tops[row], height: heightOf(boxes[part]) };
  };
  const middle = BOX.width / 2;
  const edges = layout.edges.map(({ from, to, lane }) => {
    const [above, below] = [place(from), place(to)];
    const start = { x: above.x + middle, y: above.y + above.height };
    const end = { x: below.x + middle, y: below.y };
    const last = layout.places[to].row;
    const turns = [
      tops[layout.places[from].row] + heights[layout.places[from].row] + ROW_GAP / 2,
      tops[last] - ROW_GAP / 2,
    ];
    if (lane === undefined) return pathOf([start, { x: start.x, y: turns[1] }, { x: end.x, y: turns[1] }, end]);
    const x = lefts[lane] + (isNarrow(layout, lane) ? 0 : middle);
    return pathOf([
      start,
      { x: start.x, y: turns[0] },
      { x, y: turns[0] },
      { x, y: turns[1] },
      { x: end.x, y: turns[1] },
      end,
    ]);
  });
  const { name, totals } = overview;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${bottom + MARGIN}" viewBox="0 0 ${width} ${bottom + MARGIN}" font-family="${escaped(fontFamily)}" fill="${ink}">`,
    `<title>${escaped(name)}</title>`,
    `<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8Z" fill="${faint}"/></marker></defs>`,
    '<rect width="100%" height="100%" fill="#fff"/>',
    text(MARGIN, MARGIN + 14, clipped(name, MOST), 'font-size="17" font-weight="600"'),
    text(
      MARGIN,
      MARGIN + 34,
      `${counted(totals.weights, 'weight')}, ${brief(totals.multiplyAccumulates)} MACs`,
      'font-size="13"',
    ),
    ...edges.map(
      (path) => `<path d="${path}" fill="none" stroke="${faint}" stroke-width="1.4" marker-end="url(#arrow)"/>`,
    ),
    ...boxes.map((box, i) => drawn(box, place(i))),
    '</svg>',
    '',
  ].join('\n');
}

function boxOf({ layers, input, classes }: ModelOverview, part: ModelGraph[number], number: number): Box {
  const own = layers.filter(({ name }) => part.layers.includes(name));
  const after = part.operations.length > 0 ? [part.operations.join(', ')] : [];
  if (number === 0) return { title: 'input', lines: [`[${input.shape.join(', ')}]`, ...after], kind: 'other' };
  if (own.length === 0)
    return {
      title: part.operations[0] ?? 'join',
      lines: part.operations.length > 1 ? [part.operations.slice(1).join(', ')] : [],
      kind: 'other',
    };
  const weights = own.reduce((sum, layer) => sum + layer.weights, 0);
  const products = own.reduce((sum, layer) => sum + layer.multiplyAccumulates, 0);
  const shapes = own.length === 1 ? [layerLine(own[0])] : [`recurrent, ${own.length} matrices`];
  const isLast = own.some(({ name }) => name === layers.at(-1)?.name);
  return {
    title: own.length === 1 ? own[0].name : own.map(({ name }) => name).join(', '),
    lines: [
      ...shapes.map((line) => `${line}${isLast ? `, ${classes} classes` : ''}`),
      `${grouped(weights)} weights, ${brief(products)} MACs`,
      ...after,
    ],
    kind: own[0].kind,
  };
}

/** `conv 3x3, 64 to 128` or `dense, 800 to 500`. */
function layerLine({ kind, shape, groups }: LayerOverview): string {
  const [outputs, inputs, ...positions] = shape;
  if (kind !== 'convolution') return `${kind}, ${grouped(inputs)} to ${grouped(outputs)}`;
  const parts = groups === undefined ? '' : `, ${groups} groups`;
  return `conv ${positions.join('x')}, ${grouped(inputs)} to ${grouped(outputs)}${parts}`;
}

const heightOf = ({ lines }: Box): number => 2 * BOX.padding + (1 + lines.length) * BOX.line - 3;

function rowsOf(
  boxes: readonly Box[],
  { places, rows }: Layout,
): { tops: number[]; heights: number[]; bottom: number } {
  const heights = Array.from({ length: rows }, (_, row) =>
    Math.max(...boxes.map((box, i) => (places[i].row === row ? heightOf(box) : 0))),
  );
  const tops: number[] = [];
  let y = MARGIN + HEADER;
  for (const height of heights) {
    tops.push(y);
    y += height + ROW_GAP;
  }
  return { tops, heights, bottom: y - ROW_GAP };
}

const isNarrow = ({ places }: Layout, lane: number): boolean => !places.some((place) => place.lane === lane);

function lanesOf(layout: Layout): { lefts: number[]; right: number } {
  const lefts: number[] = [];
  let x = MARGIN;
  for (let lane = 0; lane < layout.lanes; lane++) {
    lefts.push(x);
    x += isNarrow(layout, lane) ? NARROW : BOX.width + BOX.gap;
  }
  return { lefts, right: x - BOX.gap };
}

function drawn({ title, lines, kind }: Box, { x, y, height }: { x: number; y: number; height: number }): string {
  const { fill, stroke } = colors[kind];
  const at = (line: number) => y + BOX.padding + 11 + line * BOX.line;
  return [
    `<rect x="${x}" y="${y}" width="${BOX.width}" height="${height}" rx="5" fill="${fill}" stroke="${stroke}"/>`,
    text(x + BOX.padding, at(0), clipped(title, MOST_BOLD), 'font-size="13" font-weight="600"'),
    ...lines.map((line, i) => text(x + BOX.padding, at(i + 1), clipped(line, MOST), 'font-size="12"')),
  ].join('\n');
}

const text = (x: number, y: number, words: string, style: string): string =>
  `<text x="${x}" y="${y}" ${style}>${escaped(words)}</text>`;

const escaped = (raw: string): string =>
  raw.replaceAll(/[&<>"'\p{Cc}]/gu, (sign) => (/\p{Cc}/u.test(sign) ? ' ' : `&#${sign.charCodeAt(0)};`));

const clipped = (words: string, most: number): string => (words.length > most ? `${words.slice(0, most - 1)}…` : words);

/** Joins points by straight lines. A point that lies on the line before it is left out. */
function pathOf(points: readonly { x: number; y: number }[]): string {
  const distinct = points.filter(({ x, y }, i) => i === 0 || x !== points[i - 1].x || y !== points[i - 1].y);
  return distinct.map(({ x, y }, i) => `${i === 0 ? 'M' : 'L'}${x} ${y}`).join('');
}
