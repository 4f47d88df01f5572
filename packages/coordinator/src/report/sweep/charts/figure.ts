import { type EChartsCoreOption, init } from 'echarts';

/** A sign of a legend, which stands outside of the drawing: so it never covers anything. */
export interface LegendEntry {
  name: string;
  color: string;
  mark: 'line' | 'dashed' | 'dot' | 'diamond' | 'area';
}

export interface Figure {
  title: string;
  /** One or two sentences: what it shows, and what it leaves out. */
  caption: string;
  legend: LegendEntry[];
  /** Drawings side by side, each with a title of its own where there are several. */
  panels: { title?: string; svg: string }[];
}

export const fontFamily = 'system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif';

export const ink = '#1f2933';
export const faint = '#8a94a0';

/** Colours that colour-blind readers can tell apart (Okabe and Ito, 2008), without the yellow that white paper swallows. */
const palette = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000'];

export const colorOf = (index: number): string => palette[index % palette.length];

/** Curves beyond the palette's end are dashed. */
export const dashOf = (index: number): 'solid' | 'dashed' => (index < palette.length ? 'solid' : 'dashed');

/** A chart as SVG text that needs nothing from outside. */
export function drawing(option: EChartsCoreOption, width: number, height: number): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    chart.setOption({ animation: false, textStyle: { fontFamily, color: ink }, ...option });
    return chart.renderToSVGString({ useViewBox: true });
  } finally {
    chart.dispose();
  }
}

interface Axis {
  title: string;
  /** Of the data, in the axis' own measure. */
  range: readonly [low: number, high: number];
  ticks: readonly number[];
  label: (tick: number) => string;
  /** Pixels from the labels to the title. */
  gap?: number;
}

/** An axis whose ticks are chosen by us: those of a chart library's logarithms are powers of ten and no more. */
export function axis({ title, range: [low, high], ticks, label, gap }: Axis): object {
  const customValues = [...ticks];
  return {
    type: 'value',
    min: low,
    max: high,
    name: title,
    nameLocation: 'middle',
    nameGap: gap ?? 32,
    nameTextStyle: { fontSize: 13, color: ink },
    axisTick: { show: true, customValues },
    axisLabel: { customValues, formatter: label, color: ink, fontSize: 12, showMinLabel: true, showMaxLabel: true },
    axisLine: { show: true, onZero: false, lineStyle: { color: faint } },
    splitLine: { show: false },
  };
}

/** The data's range with some room on both sides. */
export function padded(values: readonly number[], share: number, least = 1e-9): [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = Math.max((high - low) * share, least);
  return [low - room, high + room];
}

/** Those of the ticks that lie within the range, no two closer than `share` of it. */
export function spaced(ticks: readonly number[], [low, high]: readonly [number, number], share: number): number[] {
  const chosen: number[] = [];
  for (const tick of ticks) {
    if (tick < low || tick > high) continue;
    if (chosen.length === 0 || tick - chosen[chosen.length - 1] >= share * (high - low)) chosen.push(tick);
  }
  return chosen;
}
