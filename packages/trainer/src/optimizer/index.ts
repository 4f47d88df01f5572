export { createOptimizer, type Optimizer, type OptimizerChoice, type ParameterRange } from './optimizer.js';
export { addPenaltyGradient, penalty } from './penalty.js';
