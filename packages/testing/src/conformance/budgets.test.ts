import { budgets } from '@prunegrid/numerics/budgets';

import { describeBudget } from './budget.js';

budgets.names.forEach(describeBudget);
