import { exportNetwork, type ExportOptions } from '../api/export.js';
import { type CommandEnvironment, noticesTo, print } from '../environment.js';
import { renderExport } from '../tables/export.js';

export interface ExportCommandOptions extends Pick<ExportOptions, 'format' | 'out' | 'model' | 'values'> {
  extensions: readonly string[];
  json: boolean;
}

/** `prunegrid export`: writes a trained network in a form that other programs read. Throws Failure. */
export async function exportCommand(
  place: string,
  { json, ...options }: ExportCommandOptions,
  environment: CommandEnvironment,
): Promise<void> {
  const exported = await exportNetwork(place, { ...options, ...noticesTo(environment) }, environment);
  print(environment, json ? JSON.stringify(exported) : renderExport(exported));
}
