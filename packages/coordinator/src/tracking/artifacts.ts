import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { isAbsolute, join, normalize } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { MlflowClient, RunInfo } from './client.js';

/** Takes the files of a folder to where the server keeps those of one run. */
export class Artifacts {
  /** Undefined where the server leaves that to its clients. */
  private readonly root: string | undefined;

  constructor(
    private readonly client: MlflowClient,
    private readonly run: RunInfo,
    private readonly folder: string,
    private readonly warn: (line: string) => void,
  ) {
    this.root = /^mlflow-artifacts:(?:\/\/[^/]*)?\/(.*)$/.exec(run.artifact_uri)?.[1];
  }

  /** A name that is not there costs a warning. Rejects as the client does. */
  async send(names: string[]): Promise<void> {
    if (this.root === undefined) {
      const place = /^[a-z][\w+.-]*:/i.exec(this.run.artifact_uri)?.[0] ?? 'a path of its own';
      this.warn(
        `MLflow at ${this.client.url} keeps artifacts at ${place}, which it does not receive itself; ` +
          `they are left out (a server with --artifacts-destination takes them)`,
      );
      return;
    }
    for (const name of names) {
      if (!(await this.put(this.root, name)))
        this.warn(`${join(this.folder, name)} is not there; MLflow does without it`);
    }
  }

  /** Sends those that are there and whose SHA-256 is not the one in `sent`; resolves to the new ones, by name. */
  async sendChanged(names: string[], sent: Record<string, string>): Promise<Record<string, string>> {
    const changed: Record<string, string> = {};
    for (const name of names) {
      const hash = await hashOf(join(this.folder, name));
      if (this.root === undefined || hash === null || hash === sent[name]) continue;
      if (await this.put(this.root, name)) changed[name] = hash;
    }
    return changed;
  }

  private async put(root: string, name: string): Promise<boolean> {
    // A journal from elsewhere must not make other files leave the machine.
    if (isAbsolute(name) || normalize(name).startsWith('..')) return false;
    const file = join(this.folder, name);
    const found = await stat(file).catch(() => null);
    if (!found?.isFile()) return false;
    await this.client.putArtifact(`${root}/${name}`, found.size, () => createReadStream(file));
    return true;
  }
}

async function hashOf(file: string): Promise<string | null> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(file), hash);
  } catch {
    return null;
  }
  return hash.digest('hex');
}
