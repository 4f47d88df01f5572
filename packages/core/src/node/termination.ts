/**
 * Makes SIGTERM abort the signal that is returned, instead of ending the process: its work is brought to an orderly end.
 * A second SIGTERM ends the process at once.
 */
export function terminationOf(process: Pick<NodeJS.Process, 'once'>): AbortSignal {
  const controller = new AbortController();
  process.once('SIGTERM', () => controller.abort());
  return controller.signal;
}
