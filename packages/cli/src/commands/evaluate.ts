import { evaluateModel } from '../api/evaluate.js';
import { type CommandEnvironment, complain, print } from '../environment.js';
import { renderEvaluation } from '../tables/run-result.js';

export interface EvaluateCommandOptions {
  model?: string;
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
  const onInstall = (line: string) => complain(environment, line);
  const evaluation = await evaluateModel(place, { ...options, onInstall }, environment);
  print(environment, json ? JSON.stringify(evaluation) : renderEvaluation(evaluation));
}
