import type { Finding, FindingState } from '../doctor/finding.js';

const MARKS: Readonly<Record<FindingState, string>> = { ok: 'ok', warning: 'warning', failed: 'FAILED' };

/** What was found of the machine, a line each, with the remedy below it. Plain text without a newline at the end. */
export function renderDoctor(findings: readonly Finding[]): string {
  const widest = Math.max(...findings.map(({ name }) => name.length));
  const indent = ' '.repeat(widest + 11);
  const count = (state: FindingState) => findings.filter((finding) => finding.state === state).length;
  return [
    ...findings.flatMap(({ name, state, text, remedy }) => [
      `${MARKS[state].padEnd(7)}  ${name.padEnd(widest)}  ${text}`,
      ...(remedy === undefined ? [] : [`${indent}remedy: ${remedy}`]),
    ]),
    '',
    `${count('ok')} ok, ${count('warning')} to look at, ${count('failed')} failed`,
  ].join('\n');
}
