import { evaluateModel } from '../api/evaluate.js';
import { type CommandEnvironment, noticesTo, print } from '../environment.js';
import { renderEvaluation } from '../tables/run-result.js';

export interface EvaluateCommandOptions {
  model?: string;
  extensions: readonly string[];
  json: boolean;
}

/**
 * `prunegrid evaluate`: prints the number of non-zero weights and the accuracy of a file that holds a network. The file
 * may come from prunegrid or another program. Throws Failure.
 */
export async function evaluate(
  place: string,
  { json, ...options }: EvaluateCommandOptions,
  environment: CommandEnvironment,
): Promise<void> {
  const evaluation = await evaluateModel(place, { ...options, ...noticesTo(environment) }, environment);
  print(environment, json ? JSON.stringify(evaluation) : renderEvaluation(evaluation));
}
