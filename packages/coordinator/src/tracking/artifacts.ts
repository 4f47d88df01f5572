import type { Runtime } from '@prunegrid/core/runtime';
import { createHash } from 'node:crypto';
import { isAbsolute, join, normalize } from 'node:path';
import { Readable } from 'node:stream';
import type { MlflowClient } from './client.js';

export interface ArtifactsOptions {
  client: MlflowClient;
  /** Where the server stores the files: the `artifact_uri` of a run or a model. */
  root: string;
  folder: string;
  /** Called with one line for each file that is left out. */
  warn: (line: string) => void;
  runtime: Pick<Runtime, 'files'>;
}

/** Uploads the files of a folder to the place where the server stores the artifacts of one run or model. */
export class Artifacts {
  /** The path under which the server stores artifacts; undefined if the server leaves the storage to its clients. */
  private readonly root: string | undefined;

  constructor(private readonly options: ArtifactsOptions) {
    this.root = /^mlflow-artifacts:(?:\/\/[^/]*)?\/(.*)$/.exec(options.root)?.[1];
  }

  /** Sends the files of these names. A missing file causes a warning. Rejects with the errors of the client. */
  async send(names: string[]): Promise<void> {
    const { client, root, folder, warn } = this.options;
    if (this.root === undefined) {
      const place = /^[a-z][\w+.-]*:/i.exec(root)?.[0] ?? 'a path of its own';
      warn(
        `MLflow at ${client.url} keeps artifacts at ${place}, which it does not receive itself; ` +
          `they are left out (a server with --artifacts-destination takes them)`,
      );
      return;
    }
    for (const name of names) {
      if (!(await this.put(this.root, name))) warn(`${join(folder, name)} is not there; MLflow does without it`);
    }
  }

  /** Sends the existing files whose SHA-256 differs from the one in `sent`. Resolves to the new hashes, by name. */
  async sendChanged(names: readonly string[], sent: Record<string, string>): Promise<Record<string, string>> {
    const changed: Record<string, string> = {};
    for (const name of names) {
      const hash = await this.hashOf(join(this.options.folder, name));
      if (this.root === undefined || hash === null || hash === sent[name]) continue;
      if (await this.put(this.root, name)) changed[name] = hash;
    }
    return changed;
  }

  /** Sends a text as a file of this name, if the server stores artifacts. Rejects with the errors of the client. */
  async sendText(name: string, text: string): Promise<void> {
    if (this.root === undefined) return;
    const content = Buffer.from(text);
    await this.options.client.putArtifact(`${this.root}/${name}`, content.length, () => Readable.from([content]));
  }

  private async put(root: string, name: string): Promise<boolean> {
    // A journal from another machine must not cause files outside the folder to be uploaded.
    if (isAbsolute(name) || normalize(name).startsWith('..')) return false;
    const { client, folder, runtime } = this.options;
    const file = join(folder, name);
    const found = await runtime.files.status(file).catch(() => undefined);
    if (found?.kind !== 'file') return false;
    await client.putArtifact(`${root}/${name}`, found.size, () =>
      Readable.from(runtime.files.readPieces(file, 0, found.size), { objectMode: false }),
    );
    return true;
  }

  /** Returns the file's SHA-256 in hex, or null if the file cannot be read. */
  private async hashOf(file: string): Promise<string | null> {
    const hash = createHash('sha256');
    try {
      for await (const piece of this.options.runtime.files.readPieces(file)) hash.update(piece);
    } catch {
      return null;
    }
    return hash.digest('hex');
  }
}
