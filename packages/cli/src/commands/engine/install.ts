import { type CommandEnvironment, complain, print } from '../../environment.js';
import { sizeText } from '../../tables/engines.js';
import { type EngineOptions, partsOf } from './parts.js';

/** `prunegrid engine install`: installs what an engine needs on this machine, or the part that is named. Throws Failure. */
export async function engineInstall(
  name: string,
  options: EngineOptions,
  environment: CommandEnvironment,
): Promise<void> {
  const all = partsOf(name, options, environment.runtime.files.cacheFolder());
  const fitting = await Promise.all(all.map((part) => part.fits()));
  const chosen = all.filter((_, i) => options.part !== undefined || fitting[i]);
  if (chosen.length === 0) return print(environment, `${name}: needs nothing that prunegrid installs here`);
  const stop = environment.interruption('run the same command to go on');
  stop.listen();
  try {
    for (const part of chosen) {
      const { title, version, downloadBytes, installedBytes, folder } = part;
      const what = [part.name, version].filter(Boolean).join(' ');
      if ((await part.state()).installed) {
        print(environment, `${name}: ${what} is installed in ${folder}`);
        continue;
      }
      const sizes = `${sizeText(downloadBytes)} to download, ${sizeText(installedBytes)} in ${folder}`;
      complain(environment, `${name}: ${what}, ${title}${downloadBytes > 0 ? `: ${sizes}` : ''}`);
      const progress = new InstallProgress(environment);
      try {
        await part.install(progress.report, stop.signal);
      } finally {
        progress.close();
      }
      print(environment, `${name}: ${what} is now installed in ${folder}`);
    }
  } finally {
    stop.ignore();
  }
}

/** Shows one line that changes on a terminal, and elsewhere a line for each step. */
class InstallProgress {
  private last = '';

  constructor(private readonly environment: CommandEnvironment) {}

  readonly report = (line: string, fraction?: number): void => {
    const { stderr } = this.environment;
    if (!stderr.isTTY) {
      if (line !== this.last) complain(this.environment, `  ${line}`);
    } else {
      const share = fraction === undefined ? '' : `, ${Math.floor(100 * fraction)} %`;
      stderr.write(`\r${`  ${line}${share}`.slice(0, Math.max(20, (stderr.columns ?? 80) - 1))}\x1b[K`);
    }
    this.last = line;
  };

  /** Leaves the line clean for what follows. */
  close(): void {
    const { stderr } = this.environment;
    if (stderr.isTTY && this.last !== '') stderr.write('\r\x1b[K');
  }
}
