import { type CommandEnvironment, print } from '../../environment.js';
import { sizeText } from '../../tables/engines.js';
import { type EngineOptions, partsOf } from './parts.js';

/** `prunegrid engine remove`: removes what was installed for an engine, or the part that is named. Throws Failure. */
export async function engineRemove(
  name: string,
  options: EngineOptions,
  environment: CommandEnvironment,
): Promise<void> {
  let removed = 0;
  for (const part of partsOf(name, options, environment.runtime.files.cacheFolder())) {
    const { bytes } = await part.state();
    if (bytes === 0) continue;
    await part.remove();
    removed += bytes;
    print(environment, `${name}: ${part.name} is removed (${sizeText(bytes)})`);
  }
  if (removed === 0) print(environment, `${name}: nothing is installed${options.part ? ` of ${options.part}` : ''}`);
}
