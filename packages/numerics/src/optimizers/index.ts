export { clipByGlobalNorm } from './clipping.js';
export {
  createOptimizer,
  type Update,
  type Optimizer,
  type ParameterRange,
  type Penalty,
  type Rule,
  ruleOf,
} from './optimizer.js';
export { momentCounts, type OptimizerChoice, type OptimizerState } from './state.js';
