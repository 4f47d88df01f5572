import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';

/** Under this name each thread finds what the thread that started it has set. */
const KEY = 'prunegrid.extensions';

/** Has threads that are started from now on load these files as well, given by their absolute paths. */
export const tellThreads = (files: readonly string[]): void =>
  setEnvironmentData(KEY, [...new Set([...told(), ...files])]);

/** What the thread that started this one told its threads to load. */
export const told = (): readonly string[] => (getEnvironmentData(KEY) as unknown as string[] | undefined) ?? [];
