import { Failure } from '../failure.js';
import { run, type CommandEnvironment } from './command.js';

/** The programs on this machine that a build needs. */
export interface Tools {
  /** The command of Python 3. */
  readonly python: string;
  /** The command line that runs pip, such as `python3 -m pip`. */
  readonly pip: readonly [string, ...string[]];
  /** The C++ compiler. */
  readonly compiler: string;
  /** The version line that the compiler prints. */
  readonly compilerVersion: string;
}

/**
 * Finds the programs, so that a missing one is reported before anything is downloaded.
 * @throws {Failure} `environment`, which names the missing program and the Debian package that contains it
 */
export async function findTools(environment: CommandEnvironment): Promise<Tools> {
  const found = await findPython(environment);
  const compiler = await findCompiler(environment);
  return { ...found, compiler: compiler.name, compilerVersion: compiler.output.split('\n')[0].trim() };
}

/**
 * Finds Python and pip.
 * @throws {Failure} `environment`, which names the missing one and the Debian package that contains it
 */
export async function findPython(environment: CommandEnvironment): Promise<Pick<Tools, 'python' | 'pip'>> {
  const recent = ['-c', 'import sys; assert sys.version_info >= (3, 6)'];
  const python = await firstWorking(['python3', 'python'], recent, environment);
  if (!python) throw missing('Python 3 (python3) was not found', 'python3 python3-pip');

  const pip = await firstWorking([[python.name, '-m', 'pip'], ['pip3'], ['pip']], ['--version'], environment);
  if (!pip) throw missing(`Neither "${python.name} -m pip" nor pip3 works`, 'python3-pip');
  return { python: python.name, pip: pip.name };
}

/**
 * Finds the C++ compiler, and what it prints of its version.
 * @throws {Failure} `environment`, which names the Debian package that contains one
 */
export async function findCompiler(environment: CommandEnvironment): Promise<{ name: string; output: string }> {
  const compiler = await firstWorking(['g++', 'c++', 'clang++'], ['--version'], environment);
  if (!compiler) throw missing('No C++ compiler (g++) was found', 'g++');
  return compiler;
}

async function firstWorking<Name extends string | [string, ...string[]]>(
  names: readonly Name[],
  args: string[],
  environment: CommandEnvironment,
) {
  for (const name of names) {
    const [command, ...first] = typeof name === 'string' ? [name] : name;
    const outcome = await run(command, [...first, ...args], environment);
    if (outcome.state === 'ended' && outcome.status === 0) return { name, output: outcome.output };
  }
  return undefined;
}

function missing(what: string, debianPackages: string): Failure {
  return new Failure(
    'environment',
    `${what}, and the engine's set-up needs it: install it (Debian, Ubuntu: sudo apt-get install ${debianPackages}) and run the same command again.`,
  );
}
