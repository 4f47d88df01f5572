export { clipByGlobalNorm } from './clipping.js';
export { createOptimizer, type Update, type Optimizer, type ParameterRange, type Penalty } from './optimizer.js';
export { momentCounts, type OptimizerChoice, type OptimizerState } from './state.js';
