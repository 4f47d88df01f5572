import type { LayerOverview, ModelOverview, Suggestions } from '@prunegrid/coordinator/report/model/overview';
import { columns } from '@prunegrid/core/text/columns';
import { brief, counted, grouped } from '@prunegrid/core/text/figures';

/** The most parts of the network that are named in a line. */
const MOST_NAMED = 6;

/**
 * What a network consists of, what it is given, and what of it is pruned. Plain text without a newline at the end.
 * @param rule the budget rule whose suggestion is printed to be pasted into an experiment
 */
export function renderModel(overview: ModelOverview, rule: string): string {
  const { layers, totals, suggestions } = overview;
  const withKeep = layers.some(({ keep }) => keep !== undefined);
  const row = (layer: LayerOverview): string[] => [
    layer.name,
    layer.groups === undefined ? layer.kind : `${layer.kind} in ${layer.groups} groups`,
    shapeText(layer.shape),
    layer.output ? shapeText(layer.output) : '-',
    grouped(layer.weights),
    brief(layer.multiplyAccumulates),
    layer.pruned ? 'yes' : `no: ${layer.reason}`,
    ...(withKeep ? [layer.keep === undefined ? '-' : grouped(layer.keep)] : []),
  ];
  return [
    ...head(overview),
    '',
    ...columns([
      ['layer', 'kind', 'shape', 'output', 'weights', 'MACs', 'pruned', ...(withKeep ? ['keep'] : [])],
      null,
      ...layers.map(row),
      null,
      ['total', '', '', '', grouped(totals.weights), brief(totals.multiplyAccumulates), '', ''],
    ]),
    '',
    ...unpruned(overview),
    ...(suggestions ? ['', ...suggested(suggestions, rule)] : []),
  ].join('\n');
}

function head({ name, file, input, classes, dropouts, parameters, data }: ModelOverview): string[] {
  const { shape, type, channels } = input;
  const images =
    channels === 'first' ? `; the file has ${shapeText([shape.at(-1) as number, ...shape.slice(0, -1)])}` : '';
  const states = parameters.filter(({ kind }) => kind === 'state').length / 2;
  const dropped = dropouts.filter(({ rate }) => rate > 0);
  return [
    file?.format === undefined
      ? name
      : `${name}: ${[file.format, file.producer && `by ${file.producer}`].filter(Boolean).join(', ')}`,
    ...(file?.sha256 === undefined ? [] : [`SHA-256 ${file.sha256}`]),
    `input: ${type} ${shapeText(shape)}${images}; output: ${grouped(classes)} ${classes === 1 ? 'class' : 'classes'}`,
    ...(data ? [`data: ${data.name}, ${valuesText(data.values)}`] : []),
    ...(dropped.length > 0 ? [`dropout: ${listed(dropped.map((one) => `${one.name} (${one.rate})`))}`] : []),
    ...(states > 0 ? [`batch normalization: ${counted(states, 'layer')}, by the statistics of a micro-batch`] : []),
  ];
}

/** Says what the network gets of stored values: `uint8 / 255 (0 to 1)`. */
function valuesText(values: NonNullable<ModelOverview['data']>['values']): string {
  if (!values) return 'as they are';
  const { type, divide = 1, mean, std } = values;
  const list = (numbers: readonly number[]) => (numbers.length === 1 ? String(numbers[0]) : shapeText(numbers));
  const divided = divide === 1 ? type : `${type} / ${divide}`;
  const scaled = mean || std ? `(${divided} - ${list(mean ?? [0])}) / ${list(std ?? [1])}` : divided;
  if (type !== 'uint8') return scaled;
  const ends = [0, 255].map((value) =>
    (mean ?? [0]).map((own, i) => (value / divide - own) / ((std ?? [1])[i] ?? std?.[0] ?? 1)),
  );
  const [low, high] = [Math.min(...ends[0]), Math.max(...ends[1])];
  return `${scaled}: ${Number(low.toPrecision(3))} to ${Number(high.toPrecision(3))}`;
}

const kinds = [
  ['bias', 'biases'],
  ['scale', 'scales of norms and the like'],
  ['state', 'running statistics'],
  ['embedding', 'embeddings'],
] as const;

function unpruned({ totals, layers, parameters }: ModelOverview): string[] {
  const left = layers.filter(({ pruned }) => !pruned);
  const groups = kinds.flatMap(([kind, words]) => {
    const own = parameters.filter((parameter) => parameter.kind === kind);
    const elements = own.reduce((sum, { size }) => sum + size, 0);
    const named = kind === 'embedding' ? `: ${listed(own.map(({ name }) => name))}` : '';
    return own.length === 0 ? [] : [[`  ${words}`, counted(own.length, 'tensor'), grouped(elements), named]];
  });
  const shared = parameters.filter(({ sharedBy }) => sharedBy);
  return [
    `${grouped(totals.prunable)} of ${grouped(totals.parameters)} parameters are in layers that are pruned; beside them:`,
    ...(left.length > 0
      ? [`  ${counted(left.length, 'layer')} left dense: ${listed(left.map(({ name }) => name))}`]
      : []),
    ...columns(groups.map((cells) => cells.slice(0, 3))).map((line, i) => `${line}${groups[i][3]}`),
    ...shared.map(
      ({ name, sharedBy = [] }) => `  ${name} is shared by ${listed(sharedBy)}: they are trained as one tensor`,
    ),
    ...(totals.otherMultiplyAccumulates > 0
      ? [
          `${brief(totals.otherMultiplyAccumulates)} MACs are of no layer, as those of attention: pruning saves none of them`,
        ]
      : []),
  ];
}

function suggested({ ratio, keeps, without }: Suggestions, rule: string): string[] {
  const rules = Object.keys(keeps);
  const names = Object.keys(keeps[rule] ?? {});
  return [
    `weights kept at ${ratio}x by each budget rule`,
    '',
    ...columns([
      ['layer', ...rules],
      null,
      ...names.map((name) => [name, ...rules.map((each) => grouped(keeps[each][name]))]),
    ]),
    ...Object.entries(without).map(([name, reason]) => `${name} ${reason}`),
    '',
    `# for an experiment: what "budget: { rule: ${rule}, ratio: ${ratio} }" comes to`,
    'keep:',
    ...names.map((name) => `  ${yamlKey(name)}: ${keeps[rule][name]}`),
  ];
}

const yamlKey = (name: string): string => (/^[A-Za-z_][\w./-]*$/.test(name) ? name : JSON.stringify(name));

const shapeText = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

const listed = (names: readonly string[]): string =>
  names.length > MOST_NAMED
    ? `${names.slice(0, MOST_NAMED).join(', ')} and ${names.length - MOST_NAMED} more`
    : names.join(', ');
