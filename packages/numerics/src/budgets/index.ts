export { type Budget, type BudgetLayer, type BudgetRule, budgets, keepsFor, keptInAll } from './budget.js';
export type { SensitivityPoint } from './sensitivity-rule.js';
