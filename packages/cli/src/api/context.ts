import type { Environment } from '@prunegrid/coordinator/tracking/address';
import type { Runtime } from '@prunegrid/core/runtime';

/** What the programming interface needs of the machine. The entry points of the package create it. */
export interface ApiContext {
  readonly runtime: Runtime;
  /** The environment's variables, such as MLFLOW_TRACKING_URI. */
  readonly variables: Environment;
}

/** Callbacks of every function that may take long, which report what it does. */
export interface Notices {
  /**
   * Called with one line for each problem that the user should know about and that does not end the work, such as an
   * MLflow server that does not answer.
   */
  onWarning?: (line: string) => void;
  /** Called with one line for each step of the engine's installation, if the engine is not installed yet. */
  onInstall?: (line: string) => void;
}

/** The default for a callback that was not given. */
export const ignore = (): void => undefined;

/** Formats a time in Unix milliseconds as a part of a folder's name: `20261127T121541Z`. */
export const timeInName = (time: number): string => new Date(time).toISOString().replaceAll(/[-:]|\.\d+/g, '');
