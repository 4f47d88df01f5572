import { type EChartsCoreOption, init } from 'echarts';

/** An entry of a legend. The legend is outside the drawing, so that it never covers any data. */
export interface LegendEntry {
  name: string;
  color: string;
  mark: 'line' | 'dashed' | 'dot' | 'diamond' | 'area';
}

export interface Figure {
  title: string;
  /** One or two sentences that say what the figure shows and what it omits. */
  caption: string;
  legend: LegendEntry[];
  /** Drawings side by side. Each has a title if there are several. */
  panels: { title?: string; svg: string }[];
}

export const fontFamily = 'system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif';

export const ink = '#1f2933';
export const faint = '#8a94a0';

/**
 * Colours that colour-blind readers can distinguish (Okabe and Ito, 2008), without the yellow, which is hard to see on
 * white paper.
 */
const palette = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000'];

export const colorOf = (index: number): string => palette[index % palette.length];

/** Curves beyond the palette's end are dashed. */
export const dashOf = (index: number): 'solid' | 'dashed' => (index < palette.length ? 'solid' : 'dashed');

/** Returns a chart as SVG text that refers to no other file. */
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
  /** The range of the data, in the unit of the axis. */
  range: readonly [low: number, high: number];
  ticks: readonly number[];
  label: (tick: number) => string;
  /** The distance from the labels to the title, in pixels. */
  gap?: number;
}

/**
 * Returns an axis with the given ticks. On a logarithmic axis, the chart library would only place ticks at powers of
 * ten.
 */
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

/** Returns the range of the data, extended on both sides. */
export function padded(values: readonly number[], share: number, least = 1e-9): [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = Math.max((high - low) * share, least);
  return [low - room, high + room];
}

/** Returns the ticks that are within the range, such that no two are closer than `share` of the range. */
export function spaced(ticks: readonly number[], [low, high]: readonly [number, number], share: number): number[] {
  const chosen: number[] = [];
  for (const tick of ticks) {
    if (tick < low || tick > high) continue;
    if (chosen.length === 0 || tick - chosen[chosen.length - 1] >= share * (high - low)) chosen.push(tick);
  }
  return chosen;
}
