/** An expected end of the set-up: one line for the user, as the packages' own `Failure`, which is not built yet. */
export class SetupFailure extends Error {
  /**
   * @param {string} message
   * @param {number} exitCode as in packages/core/src/failure.ts: 5 for the environment, 130 for Ctrl-C
   */
  constructor(message, exitCode = 5) {
    super(message);
    this.exitCode = exitCode;
  }
}

/**
 * Runs `main` to its end. An expected failure becomes one line on standard error and the process's exit code.
 * @param {() => Promise<void>} main
 */
export async function orOneLine(main) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof Error) || !('exitCode' in error)) throw error;
    console.error(error.message);
    process.exitCode = Number(error.exitCode);
  }
}
