import { evaluateModel } from '../api/evaluate.js';
import { type CommandEnvironment, complain, print } from '../environment.js';
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
  const notices = {
    onInstall: (line: string) => complain(environment, line),
    onWarning: (line: string) => complain(environment, `prunegrid: ${line}`),
  };
  const evaluation = await evaluateModel(place, { ...options, ...notices }, environment);
  print(environment, json ? JSON.stringify(evaluation) : renderEvaluation(evaluation));
}
