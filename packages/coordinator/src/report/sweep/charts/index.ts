import type { ReportData } from '../data.js';
import { accuracyFigure, paretoFigure } from './accuracy.js';
import type { Figure } from './figure.js';
import { residualsByCurveFigure, residualsFigure } from './residuals.js';
import { timelineFigure } from './timeline.js';
import { histogramsFigure, keptFigure } from './weights.js';

export type { Figure, LegendEntry } from './figure.js';

/** Returns the figures of a report for which there are data, in the order in which they are read. */
export const figuresOf = (data: ReportData): Figure[] =>
  [
    accuracyFigure(data),
    paretoFigure(data),
    keptFigure(data),
    residualsFigure(data),
    residualsByCurveFigure(data),
    histogramsFigure(data),
    timelineFigure(data),
  ].filter((figure) => figure !== null);
