export {
  createOptimizer,
  momentCounts,
  type Move,
  type Optimizer,
  type OptimizerChoice,
  type OptimizerState,
  type ParameterRange,
} from './optimizer.js';
