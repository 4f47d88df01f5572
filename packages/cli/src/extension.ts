/** The types for an extension's file. docs/extending.md has an example of each kind of member. */
export type { Extension, Registries } from '@prunegrid/coordinator/extension';
export type { Launcher } from '@prunegrid/coordinator/launch';
export type { Method } from '@prunegrid/coordinator/training/methods';
export type { BudgetRule } from '@prunegrid/numerics/budgets';
export type { Constraint } from '@prunegrid/numerics/constraints';
export type { DatasetSource } from '@prunegrid/trainer/datasets';
export type { EngineSource } from '@prunegrid/trainer/engines';
export type { LossModule, MetricModule } from '@prunegrid/trainer/losses';
export type { Model, ModelModule } from '@prunegrid/trainer/models';
export type { Reduction } from '@prunegrid/trainer/reductions';
