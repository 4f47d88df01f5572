import type { z } from 'zod';

import { Failure } from '@prunegrid/core/failure';
import { nearest, suggest } from '@prunegrid/core/text/suggestion';
import type { KeyPath, Places } from './places.js';

/** A problem of a spec. `on` says whether the key itself is wrong or its value. */
export interface Problem {
  path: KeyPath;
  on: 'key' | 'value';
  /** A clause that says what was found and what is allowed. */
  text: string;
}

/** The largest number of problems that are listed. */
const MOST_LINES = 50;

/** Returns one Failure for all problems, with one line for each of the first ones: place, key, what was found, what is allowed. */
export function failureOf(problems: readonly Problem[], places: Places): Failure {
  const lines = problems.slice(0, MOST_LINES).map(({ path, on, text }) => {
    const place = on === 'key' ? places.ofKey(path) : places.ofValue(path);
    const key = path.join('.');
    return place.startsWith(`--set ${key}=`) || key === '' ? `${place}: ${text}` : `${place}: ${key}: ${text}`;
  });
  if (problems.length > MOST_LINES) lines.push(`and ${problems.length - MOST_LINES} more problems`);
  return new Failure('input', lines.join('\n'));
}

/**
 * A spec's zod issues in plain words, causes before consequences: unknown keys come first, as a key that is missing is
 * often one of these, and missing keys come last. Parse with `{ reportInput: true, error: requirement }`.
 */
export function problemsOf(issues: readonly z.core.$ZodIssue[]): Problem[] {
  const misspelt = new Set<string>();
  for (const issue of issues.flatMap(chosenBranch)) {
    if (issue.code !== 'unrecognized_keys') continue;
    for (const key of issue.keys) misspelt.add([...issue.path, nearest(key, issue.message.split(', '))].join('.'));
  }
  return issues
    .flatMap(chosenBranch)
    .filter((issue, _i, all) => !isLaxer(issue, all))
    .flatMap(problemsOfIssue)
    .filter(({ path, text }) => !(text.startsWith('missing') && misspelt.has(path.join('.'))))
    .sort((a, b) => rank(a) - rank(b));
}

/** Whether an issue only says that a number is too large to be a whole one, and another issue gives its own limit. */
const isLaxer = (issue: z.core.$ZodIssue, all: readonly z.core.$ZodIssue[]): boolean =>
  issue.code === 'too_big' &&
  issue.maximum === Number.MAX_SAFE_INTEGER &&
  all.some((other) => other !== issue && other.code === 'too_big' && other.path.join('.') === issue.path.join('.'));

const rank = ({ text }: Problem): number => (text.startsWith('unknown key') ? 0 : text.startsWith('missing') ? 2 : 1);

/**
 * Returns what is allowed, in plain words. For an unknown key it returns only the keys that the map may have. Messages
 * of the schema itself take precedence.
 */
export const requirement: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case 'unrecognized_keys':
      return Object.keys((issue.inst?._zod.def as { shape?: object } | undefined)?.shape ?? {}).join(', ');
    case 'invalid_type': {
      const { discriminator } = (issue.inst?._zod.def ?? {}) as { discriminator?: string };
      return `must be ${typeNames[issue.expected] ?? issue.expected}${discriminator === undefined ? '' : ` that begins with "${discriminator}"`}`;
    }
    case 'too_small':
      return `must be ${issue.inclusive ? 'at least' : 'above'} ${issue.minimum}`;
    case 'too_big':
      return `must be ${issue.inclusive ? 'at most' : 'below'} ${issue.maximum}`;
    case 'invalid_union':
      return 'must be a number or a map of keys';
    default:
      return undefined;
  }
};

const typeNames: Partial<Record<string, string>> = {
  number: 'a finite number',
  int: 'a whole number',
  string: 'text',
  array: 'a list',
  object: 'a map of keys',
  record: 'a map of keys',
};

/**
 * Returns the issues of the branch that the input resembles if the issue is a union of a scalar and a map. Otherwise it
 * returns the issue itself.
 */
function chosenBranch(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [issue];
  const refusesTheType = (inner: z.core.$ZodIssue): boolean =>
    inner.code === 'invalid_type' && inner.path.length === 0 && !('received' in inner);
  const branch = issue.errors.find((errors) => !errors.some(refusesTheType));
  return branch?.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })) ?? [issue];
}

function problemsOfIssue(issue: z.core.$ZodIssue): Problem[] {
  const { path, input } = issue;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      // An example is {from:1}, which YAML reads as a single key.
      const remedy = key.includes(':') ? 'put a space after the ":"' : suggest(key, issue.message.split(', '));
      return { path: [...path, key], on: 'key', text: `unknown key; ${remedy}` };
    });
  }
  if (issue.code === 'invalid_union' && issue.discriminator !== undefined) {
    const options = ((issue as { options?: unknown[] }).options ?? []).map(String);
    const found = (input as Record<string, unknown>)[issue.discriminator];
    if (found === undefined) return [{ path, on: 'key', text: `missing; one of ${options.join(', ')}` }];
    return [{ path, on: 'value', text: `found ${show(found)}; ${suggest(asText(found), options)}` }];
  }
  if (issue.code === 'invalid_value') {
    const options = issue.values.map(String);
    if (input === undefined) return [{ path, on: 'key', text: `missing; one of ${options.join(', ')}` }];
    return [{ path, on: 'value', text: `found ${show(input)}; ${suggest(asText(input), options)}` }];
  }
  if (issue.code === 'custom') return [{ path, on: 'value', text: issue.message }];
  if (input === undefined && !('received' in issue)) return [{ path, on: 'key', text: `missing; ${issue.message}` }];
  return [{ path, on: 'value', text: `found ${show(received(issue))}; ${issue.message}` }];
}

/** For an infinite input, zod omits `input` and puts the name of the value into `received`. */
const received = (issue: z.core.$ZodIssue): unknown => ('received' in issue ? Number(issue.received) : issue.input);

const asText = (value: unknown): string => (typeof value === 'string' ? value : show(value));

function show(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  // Beyond 2^53 it may have been rounded as it was read, and would be shown otherwise than it was written.
  if (typeof value === 'number') {
    return Number.isInteger(value) && !Number.isSafeInteger(value) ? 'a number beyond 2^53' : String(value);
  }
  const text = JSON.stringify(value);
  return text.length <= 60 ? text : `${text.slice(0, 57)}..."`;
}
