import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../environment/ports.mjs';
import { ensurePython } from '../environment/python.mjs';

/** A real `mlflow server` on sqlite, at a port that it keeps over kills and restarts. */
export class MlflowServer {
  /** @type {import('node:child_process').ChildProcess | null} */
  #process = null;
  #folder;
  #mlflow;
  #port;

  /**
   * For `prepare`.
   * @param {string} folder
   * @param {string} mlflow
   * @param {number} port
   */
  constructor(folder, mlflow, port) {
    this.#folder = folder;
    this.#mlflow = mlflow;
    this.#port = port;
    // The group outlives a test process that ends early unless it is ended with it.
    process.on('exit', () => this.#signal('SIGKILL'));
  }

  /** Finds a free port and a folder; nothing runs yet. */
  static async prepare() {
    const { bin } = await ensurePython();
    const folder = await mkdtemp(join(tmpdir(), 'prunegrid-mlflow-'));
    return new MlflowServer(folder, bin('mlflow'), await freePort());
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Starts the server where it is down, on the data of the time before; resolves when it answers. */
  async up() {
    if (this.#process !== null) return;
    const log = await open(join(this.#folder, 'server.log'), 'a');
    const storage = [
      `--backend-store-uri=sqlite:///${this.#folder}/mlflow.db`,
      `--artifacts-destination=${this.#folder}/artifacts`,
    ];
    const listen = ['--host=127.0.0.1', `--port=${this.#port}`, '--workers=1'];
    this.#process = spawn(this.#mlflow, ['server', ...listen, ...storage], {
      // A group of its own: the server is a parent with workers, which would go on answering without it.
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      env: { ...process.env, MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false', MLFLOW_DISABLE_TELEMETRY: 'true' },
    });
    await log.close();
    while (!(await this.#answers())) {
      if (this.#process.exitCode !== null) {
        throw new Error(`mlflow server ended: ${await readFile(join(this.#folder, 'server.log'), 'utf8')}`);
      }
      await sleep(250);
    }
  }

  /** kill -9 to the whole group; resolves when nobody answers any more. */
  async kill() {
    if (this.#process === null) return;
    const gone = this.#process.exitCode === null ? once(this.#process, 'exit') : null;
    this.#signal('SIGKILL');
    await gone;
    this.#process = null;
    while (await this.#answers()) await sleep(50);
  }

  async remove() {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** @param {NodeJS.Signals} name */
  #signal(name) {
    if (this.#process?.pid === undefined) return;
    try {
      process.kill(-this.#process.pid, name);
    } catch {
      // It has ended by itself.
    }
  }

  /** @returns {Promise<boolean>} */
  async #answers() {
    return fetch(`${this.url}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
  }
}
