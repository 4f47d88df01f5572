import type { CustomSeriesRenderItemAPI, CustomSeriesRenderItemParams } from 'echarts';

import { duration } from '@prunegrid/core/text/figures';
import type { ReportData } from '../data.js';
import { axis, colorOf, drawing, faint, type Figure, ink } from './figure.js';

const outcomes = {
  dense: { title: 'dense network', color: colorOf(5) },
  finished: { title: 'trial, finished', color: colorOf(2) },
  stopped: { title: 'trial, stopped early', color: colorOf(4) },
  paused: { title: 'part of one, which went on with more trainers', color: colorOf(3) },
  failed: { title: 'attempt that failed', color: colorOf(1) },
  cut: { title: 'cut off by the end of the coordinator', color: faint },
  running: { title: 'going on', color: colorOf(0) },
} as const;

type Outcome = keyof typeof outcomes;

export interface Stretch {
  trainers: number[];
  /** Unix milliseconds. */
  from: number;
  to: number;
  /** A trial's number; empty for a dense network. */
  label: string;
  outcome: Outcome;
}

/** Returns the periods in which each trainer worked on a trial, according to the sweep's journal. */
export function stretchesOf(records: ReportData['records'], live: boolean): Stretch[] {
  const open = new Map<string, Stretch>();
  const closed: Stretch[] = [];
  const end = (id: string, time: number, outcome: Outcome) => {
    const stretch = open.get(id);
    if (stretch) closed.push({ ...stretch, to: time, outcome });
    open.delete(id);
  };
  let last = 0;
  for (const record of records) {
    const { time } = record;
    switch (record.type) {
      case 'dense-started':
      case 'trial-started':
        open.set(idOf(record), {
          ...{ trainers: record.trainers, from: time, to: time, outcome: 'running' },
          label: 'trial' in record ? String(record.trial) : '',
        });
        break;
      case 'dense-finished':
        end(idOf(record), time, 'dense');
        break;
      case 'trial-finished':
        end(idOf(record), time, 'finished');
        break;
      case 'trial-stopped':
        end(idOf(record), time, 'stopped');
        break;
      case 'dense-paused':
      case 'trial-paused':
        end(idOf(record), time, 'paused');
        break;
      case 'dense-failed':
      case 'trial-failed':
        end(idOf(record), time, 'failed');
        break;
      case 'sweep-interrupted':
        for (const id of [...open.keys()]) end(id, time, 'cut');
        break;
      case 'sweep-resumed':
        // The coordinator was killed, so its previous record is the latest known time.
        for (const id of [...open.keys()]) end(id, last, 'cut');
        break;
      default: // Says nothing of work.
    }
    last = time;
  }
  for (const id of [...open.keys()]) end(id, last, live ? 'running' : 'cut');
  return closed;
}

const idOf = (work: { key: string } | { trial: number }): string => ('key' in work ? work.key : `trial ${work.trial}`);

/** Draws a row for each trainer with a bar for each of its periods of work. */
export function timelineFigure({ records, live }: Pick<ReportData, 'records' | 'live'>): Figure | null {
  const stretches = stretchesOf(records, live);
  if (stretches.length === 0) return null;
  const start = records[0].time;
  const seconds = Math.max(1, (Math.max(...stretches.map(({ to }) => to)) - start) / 1000);
  const trainers = [...new Set(stretches.flatMap((stretch) => stretch.trainers))].sort((a, b) => a - b);
  const bars = stretches.flatMap((stretch) =>
    stretch.trainers.map((trainer) => ({
      value: [trainers.indexOf(trainer), (stretch.from - start) / 1000, (stretch.to - start) / 1000],
      name: stretch.label,
      itemStyle: { color: outcomes[stretch.outcome].color },
    })),
  );
  const height = 70 + 34 * trainers.length;
  const svg = drawing(
    {
      grid: { left: 84, right: 28, top: 8, bottom: 56 },
      xAxis: axis({
        title: 'time since the sweep began',
        range: [0, seconds],
        ticks: timeTicks(seconds),
        label: (tick) => (tick === 0 ? '0' : duration(tick)),
      }),
      yAxis: {
        type: 'category',
        inverse: true,
        data: trainers.map((trainer) => `trainer ${trainer}`),
        axisTick: { show: false },
        axisLine: { lineStyle: { color: faint } },
        axisLabel: { color: ink, fontSize: 12 },
      },
      series: [
        {
          type: 'custom',
          encode: { x: [1, 2], y: 0 },
          data: bars,
          renderItem(params: CustomSeriesRenderItemParams, api: CustomSeriesRenderItemAPI) {
            const [x, y] = api.coord([api.value(1), api.value(0)]);
            const [right] = api.coord([api.value(2), api.value(0)]);
            const width = Math.max(1, right - x - 1);
            const label = bars[params.dataIndex].name;
            const room = label.length * 8 + 4;
            return {
              type: 'rect',
              shape: { x, y: y - 12, width, height: 24 },
              style: { fill: bars[params.dataIndex].itemStyle.color },
              ...(label !== '' &&
                width > room && {
                  textContent: { type: 'text', style: { text: label, fill: '#fff', fontSize: 12 } },
                  textConfig: { position: 'inside' },
                }),
            };
          },
        },
      ],
    },
    920,
    height,
  );
  const seen = new Set(stretches.map(({ outcome }) => outcome));
  return {
    title: 'Which trainer did what',
    caption: 'A bar is a piece of work, with the trial’s number where there is room.',
    legend: (Object.keys(outcomes) as Outcome[])
      .filter((outcome) => seen.has(outcome))
      .map((outcome) => ({ name: outcomes[outcome].title, color: outcomes[outcome].color, mark: 'area' })),
    panels: [{ svg }],
  };
}

/** Returns about six round times for the axis. */
function timeTicks(seconds: number): number[] {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400];
  const step = steps.find((one) => seconds / one <= 8) ?? 86_400 * Math.ceil(seconds / 86_400 / 8);
  return Array.from({ length: Math.floor(seconds / step) + 1 }, (_, i) => i * step);
}
