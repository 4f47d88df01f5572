/** With fewer files that may be open at a time, not all modules of a command can be loaded; it takes about 130. */
const ENOUGH_FILES = 256;

/** The exit code of a Failure of kind `environment`. This module imports nothing, so that it can be loaded in any case. */
const ENVIRONMENT = 5;

/**
 * Loads and runs a program. Node loads many modules at the same time, and if the process may not open so many files, one
 * of them fails with an error that does not tell why. This function prints one line that does, and sets the exit code.
 */
export async function loadProgram(load: () => Promise<unknown>): Promise<void> {
  try {
    await load();
  } catch (error) {
    const limit = openFilesLimit();
    if (limit >= ENOUGH_FILES) throw error;
    console.error(
      `prunegrid: this process may open only ${limit} files at a time, which is too few: raise the limit, such as by ulimit -n 1024`,
    );
    process.exitCode = ENVIRONMENT;
  }
}

/** Returns how many files the process may open at a time. */
function openFilesLimit(): number {
  const { userLimits } = process.report.getReport() as { userLimits?: { open_files?: { soft?: unknown } } };
  const soft = userLimits?.open_files?.soft;
  return soft === undefined || soft === 'unlimited' ? Infinity : Number(soft);
}
