import { budgets } from '@prunegrid/numerics/budgets';
import { writeText } from '@prunegrid/core/files';
import { Failure } from '@prunegrid/core/failure';

import { drawModel, showModel } from '../../api/model.js';
import { type CommandEnvironment, print } from '../../environment.js';
import { renderModel } from '../../tables/model.js';

export interface ModelShowOptions {
  ratio?: number;
  rule: string;
  svg?: string;
  set: readonly string[];
  json: boolean;
}

/** `prunegrid model show`: prints a network's layers and what of it is pruned, and draws it. Throws Failure. */
export async function modelShow(
  place: string,
  { ratio, rule, svg, set, json }: ModelShowOptions,
  environment: CommandEnvironment,
): Promise<void> {
  budgets.get(rule);
  const overview = await showModel(place, { ...(ratio !== undefined && { ratio }), set }, environment);
  const without = overview.suggestions?.without[rule];
  if (without !== undefined) throw new Failure('input', `--rule ${rule}: ${without}: choose another`);
  if (svg !== undefined) await writeText(environment.runtime, svg, await drawModel(place, { set }, environment));
  print(environment, json ? JSON.stringify(overview) : renderModel(overview, rule));
}
