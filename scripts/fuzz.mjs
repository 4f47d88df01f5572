import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setup } from './setup.mjs';
import { root } from './setup/root.mjs';

// `npm run fuzz [-- --inputs N --seed S]`: N damaged inputs for everything that reads bytes from outside (test/fuzz/parsers.ts).
// What fails is shown with the smallest input that makes it fail; the same seed finds it again.

const options = {
  inputs: { type: /** @type {const} */ ('string'), default: '50000' },
  seed: { type: /** @type {const} */ ('string'), default: '1' },
};
const numbers = readNumbers();
if (numbers) {
  await setup();
  const script = join(root, 'node_modules/vitest/vitest.mjs');
  const args = [script, 'run', '--project=cross-process', 'test/fuzz.test.ts'];
  const env = { ...process.env, PRUNEGRID_FUZZ_INPUTS: numbers.inputs, PRUNEGRID_FUZZ_SEED: numbers.seed };
  spawn(process.execPath, args, { cwd: root, env, stdio: 'inherit' }).on('close', (code) => {
    process.exitCode = code ?? 1;
  });
} else {
  console.error('fuzz: takes --inputs N and --seed S, whole numbers from 1');
  process.exitCode = 2;
}

function readNumbers() {
  try {
    const { values } = parseArgs({ options });
    return [values.inputs, values.seed].every((value) => /^[1-9]\d{0,8}$/.test(value)) ? values : undefined;
  } catch {
    return undefined;
  }
}
