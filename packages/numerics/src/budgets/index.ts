export { type Budget, type BudgetLayer, type BudgetRule, budgets, keepsFor, keptInAll } from './budget.js';
