import { provisionEngine } from './tensorflow/provision/index.js';

/** Sees to it that the engine is installed; says what is done where that takes time. */
export async function requireEngine(say: (line: string) => void): Promise<void> {
  let last = '';
  await provisionEngine({
    report: ({ text }) => {
      if (text !== last) say(`engine: ${text}`);
      last = text;
    },
  });
}
