// npm run bench [-- NAME [ARGUMENT...]]: measures on this machine, prints the table and writes it down as benchmarks/DATE-NAME.md.
// Without a name, everything, one after another. NAME is a program of this folder that exports `measure`, or of `prunegrid-bench`.
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { orOneLine, setup } from '../scripts/setup.mjs';

const folder = dirname(fileURLToPath(import.meta.url));
const root = dirname(folder);
const dist = join(root, 'packages/bench/dist');
const ours = ['step', 'exchange', 'cost', 'projection', 'loader', 'sweep'];
const programs = [
  'alexnet',
  'loader-beside-pytorch',
  'steps-beside-pytorch',
  'main-job-beside-pytorch',
  'grid-beside-pytorch',
];

await orOneLine(async () => {
  await setup();
  const [name, ...args] = process.argv.slice(2);
  const all = [...ours, ...programs];
  if (name !== undefined && !all.includes(name)) {
    console.error(`bench: no benchmark ${name}; there is ${all.join(', ')}`);
    process.exitCode = 2;
    return;
  }
  for (const each of name === undefined ? all : [name]) await bench(each, args);
});

async function bench(name, args) {
  const { describeMachine } = await import(join(dist, 'machine.js'));
  const { renderTable } = await import(join(dist, 'table.js'));
  const machine = describeMachine();
  const table = ours.includes(name) ? await prunegrid(name, args) : await ownProgram(name, args);
  console.log(`\n${renderTable(table, machine)}\n`);
  const file = freeName(`${machine.date.slice(0, 10)}-${name}`);
  writeFileSync(file, await note(name, args, table, machine));
  console.log(`written to ${relative('', file)}`);
}

async function prunegrid(name, args) {
  const program = join(root, 'packages/bench/bin/prunegrid-bench.js');
  const running = promisify(execFile)(process.execPath, [program, name, '--json', ...args]);
  running.child.stderr?.pipe(process.stderr);
  return JSON.parse((await running).stdout);
}

async function ownProgram(name, args) {
  const { measure } = await import(join(folder, `${name}.mjs`));
  return measure(...args);
}

/** A second note of a day does not replace the first. */
function freeName(name) {
  for (let n = 1; ; n++) {
    const file = join(folder, `${name}${n > 1 ? `-${n}` : ''}.md`);
    if (!existsSync(file)) return file;
  }
}

async function note(name, args, { about, columns, rows }, machine) {
  const { shown } = await import(join(dist, 'table.js'));
  const { format } = await import('prettier');
  const keys = Object.keys(columns);
  const line = (cells) => `| ${cells.join(' | ')} |`;
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim();
  const date = new Date(machine.date).toLocaleDateString('en-GB', { day: 'numeric', month: 'long', year: 'numeric' });
  const memory = `${Math.round(machine.memoryBytes / 2 ** 30)} GiB`;
  const text = [
    `# ${name}, ${date}`,
    '',
    '```sh',
    ['npm run bench --', name, ...args].join(' '),
    '```',
    '',
    `${about}.`,
    '',
    `${machine.cpu}, ${machine.cores} cores, ${memory}, load ${machine.load.toFixed(1)} before; Node ${machine.node}, commit ${commit}.`,
    '',
    line(['what', ...Object.values(columns)]),
    line(['---', ...keys.map(() => '---')]),
    ...rows.map((row) => line([row.name, ...keys.map((key) => shown(row[key]))])),
  ].join('\n');
  return format(text, { parser: 'markdown' });
}
