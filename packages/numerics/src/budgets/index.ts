export {
  type Budget,
  type BudgetLayer,
  type BudgetRule,
  budgetRules,
  dependsOnWeights,
  keepsFor,
  keptInAll,
} from './budget.js';
