import type { Sensitivity } from '@prunegrid/coordinator/experiment/sensitivity-file';
import { columns } from '@prunegrid/core/text/columns';
import { grouped, percent } from '@prunegrid/core/text/figures';

/** The accuracy of a network of which one layer is pruned, a line for each layer. Plain text without a newline at the end. */
export function renderSensitivity({ model, data, dense, layers, ratios }: Sensitivity): string {
  return [
    `${model.name}: ${percent(dense.accuracy)} of ${grouped(data.images)} held-out examples of ${data.name}; with one layer pruned, in per cent:`,
    '',
    ...columns([
      ['layer', 'weights', ...ratios.map((ratio) => `${ratio}x`)],
      null,
      ...layers.map(({ name, weights, points }) => [
        name,
        grouped(weights),
        ...ratios.map((_, i) => (i < points.length ? (100 * points[i].accuracy).toFixed(2) : '-')),
      ]),
    ]),
  ].join('\n');
}
