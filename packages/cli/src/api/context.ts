import type { Environment } from '@prunegrid/coordinator/tracking/address';
import type { Runtime } from '@prunegrid/core/runtime';

/** What the programming interface needs of the machine. The entry points of the package make it. */
export interface ApiContext {
  readonly runtime: Runtime;
  /** The environment's variables, such as MLFLOW_TRACKING_URI. */
  readonly variables: Environment;
}

/** What every function that may take a while can be given to say what it does. */
export interface Notices {
  /** Told, in one line each, what the user should know and what does not end the work, such as an MLflow server that does not answer. */
  onWarning?: (line: string) => void;
  /** Told, in one line each, how the installation of the engine proceeds, if it is not installed yet. */
  onInstall?: (line: string) => void;
}

/** Stands in for a callback that was not given. */
export const ignore = (): void => undefined;

/** `20261127T121541Z`: a time, given in Unix milliseconds, as a part of a folder's name. */
export const timeInName = (time: number): string => new Date(time).toISOString().replaceAll(/[-:]|\.\d+/g, '');
