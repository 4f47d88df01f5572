import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureNode24 } from '../test/environment/node24.mjs';
import { ensurePython } from '../test/environment/python.mjs';
import { setup } from './setup.mjs';

// `npm test [-- FILTER...]`: set-up, every check, every test. The last line is `N passed, N failed[, N skipped]`; whatever
// goes wrong outside a test (a check, the set-up, a run that ends early) adds one to the failed, so that it agrees with the
// exit code.

const root = fileURLToPath(new URL('..', import.meta.url));
const checks = ['build', 'lint', 'typecheck', 'format', 'imports', 'generate:check'];

const counts = { passed: 0, failed: 0, skipped: 0 };
/** @type {string[]} */
const problems = [];
try {
  await testEverything(process.argv.slice(2));
} catch (error) {
  problem(error instanceof Error ? error.message : String(error));
}
for (const line of problems) console.log(`FAILED: ${line}`);
const { passed, failed, skipped } = counts;
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed > 0 ? 1 : 0;

/** @param {string[]} filters */
async function testEverything(filters) {
  await setup();
  await ensurePython(heading);

  heading(`Checking: ${checks.join(', ')}`);
  for (const check of checks) {
    const { code, output } = await command(process.execPath, nx(check), 'captured');
    if (code === 0) continue;
    console.log(output);
    problem(`check ${check} (again: npx nx run-many -t ${check})`);
    if (check === 'build') return;
  }

  heading(`Testing under Node ${process.versions.node}`);
  await vitest(process.execPath, filters);
  if (process.versions.node.startsWith('24.')) return;
  const node24 = await ensureNode24(heading);
  if (!node24) return heading('Not tested under Node 24: npm has a binary of it for Linux on x86-64 only');
  heading('Testing the quick part under Node 24');
  await vitest(node24, ['--passWithNoTests', '--project=!cross-process', ...filters]);
}

/** @param {string} line */
function heading(line) {
  console.log(`\n${line}`);
}

/** @param {string} line */
function problem(line) {
  counts.failed++;
  problems.push(line);
}

/** @param {string} target */
function nx(target) {
  return [join(root, 'node_modules/nx/dist/bin/nx.js'), 'run-many', '-t', target, '--output-style=static'];
}

/**
 * @param {string} node
 * @param {string[]} args
 */
async function vitest(node, args) {
  const folder = await mkdtemp(join(tmpdir(), 'prunegrid-test-'));
  const file = join(folder, 'counts.json');
  try {
    const reporters = ['--reporter=default', `--reporter=${join(root, 'test/environment/counts.ts')}`];
    const script = join(root, 'node_modules/vitest/vitest.mjs');
    const { code } = await command(node, [script, 'run', ...reporters, ...args], 'shown', {
      PRUNEGRID_TEST_COUNTS: file,
    });
    const counted = await readCounts(file);
    counts.passed += counted.passed;
    counts.failed += counted.failed;
    counts.skipped += counted.skipped;
    if (code !== 0 && counted.failed === 0) problem(`vitest ended with exit code ${code} and no failed test`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * What test/environment/counts.ts wrote; nothing where vitest ended before its first test.
 * @param {string} file
 * @returns {Promise<typeof counts>}
 */
async function readCounts(file) {
  if (!existsSync(file)) return { passed: 0, failed: 0, skipped: 0 };
  return /** @type {typeof counts} */ (JSON.parse(await readFile(file, 'utf8')));
}

/**
 * @param {string} program
 * @param {string[]} args
 * @param {'shown' | 'captured'} output
 * @param {Record<string, string>} [variables]
 * @returns {Promise<{ code: number, output: string }>}
 */
function command(program, args, output, variables = {}) {
  const stdout = output === 'shown' ? 'inherit' : 'pipe';
  const env = { ...process.env, NX_DAEMON: 'false', NX_NO_CLOUD: 'true', ...variables };
  const child = spawn(program, args, { cwd: root, env, stdio: ['ignore', stdout, stdout] });
  let text = '';
  child.stdout?.on('data', (chunk) => (text += chunk));
  child.stderr?.on('data', (chunk) => (text += chunk));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? 1, output: text }));
  });
}
