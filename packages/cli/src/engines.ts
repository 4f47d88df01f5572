import { type Accelerator, DEFAULT_ENGINE, engines } from '@prunegrid/trainer/engines';

/**
 * Installs the engines of these names if they are not installed yet. `report` is called with lines for the user. Throws
 * Failure.
 */
export async function requireEngines(names: Iterable<string>, report: (line: string) => void): Promise<void> {
  for (const name of new Set(names)) await engines.get(name).provision(report);
}

/** What decides about the engine of an experiment. */
export interface EngineWish {
  /** The experiment's engine. */
  engine: string;
  /** Whether its file, `--set` or `--engine` names it, so that it is no default. */
  named: boolean;
  /** Whether the experiment has a loss or metrics of its own, which XLA does not compute. */
  hasObjective: boolean;
}

/** An engine, and the line that says why it was taken. There is none where nothing had to be decided. */
export interface ChosenEngine {
  engine: string;
  line?: string;
}

const ACCELERATED = 'xla';

/**
 * Chooses the engine of an experiment. One that is named is taken. Otherwise a plugin for XLA that the user has named, or
 * has installed for the GPUs of this machine, is used; without one, the default engine is taken.
 */
export function chooseEngine(wish: EngineWish, { driver, named, installed, fitting }: Accelerator): ChosenEngine {
  const gpu = driver && `NVIDIA's driver ${driver.version}`;
  if (wish.named) {
    const { engine } = wish;
    if (gpu === undefined) return { engine };
    if (engine !== ACCELERATED) {
      return { engine, line: `engine ${engine}, on the CPU, because it is named; ${gpu} is here: see --engine xla` };
    }
    const plugin = named ?? installed?.name;
    return plugin === undefined
      ? { engine }
      : { engine, line: `engine xla, because it is named, by the plugin ${plugin}` };
  }
  const engine = DEFAULT_ENGINE;
  if (wish.hasObjective && (named !== undefined || gpu !== undefined)) {
    return { engine, line: `engine ${engine}, on the CPU: xla computes no losses and metrics of the experiment's own` };
  }
  const otherwise = `--engine ${engine} trains on the CPU`;
  if (named !== undefined) {
    return { engine: ACCELERATED, line: `engine xla: PRUNEGRID_XLA_PLUGIN names ${named} (${otherwise})` };
  }
  if (installed) {
    return { engine: ACCELERATED, line: `engine xla: ${gpu} and the plugin ${installed.name} are here (${otherwise})` };
  }
  if (gpu === undefined) return { engine };
  const install = `prunegrid engine install xla downloads ${fitting.name}`;
  return { engine, line: `engine ${engine}, on the CPU: ${gpu} is here, but no plugin for it (${install})` };
}
