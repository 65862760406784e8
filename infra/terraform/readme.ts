/**
 * The generated parts of `terraform/README.md`, between `<!-- begin: NAME -->` and `<!-- end: NAME -->`.
 * `npm run terraform:readme` generates them from the module. A test fails while they are out of date.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { cloudSettings } from '../stack/settings.ts';
import { type CostLine, idleCosts, jobCosts } from './costs.ts';

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

const cell = (text: string): string => text.replaceAll('\\"', '"').replaceAll('|', '\\|');

/** Reads blocks only in the form that `terraform fmt` writes. */
function blocksOf(file: string, kind: 'variable' | 'output'): { name: string; body: string }[] {
  const pattern = new RegExp(`^${kind} "(\\w+)" \\{\\n([\\s\\S]*?)^\\}`, 'gm');
  return [...readFileSync(file, 'utf8').matchAll(pattern)].map(([, name = '', body = '']) => ({
    name,
    body,
  }));
}

const attribute = (body: string, name: string): string | undefined =>
  new RegExp(`^  ${name}\\s+= (.*(?:\\n(?:    .*|  [)}\\]].*))*)`, 'm').exec(body)?.[1];

const described = (body: string): string =>
  cell((attribute(body, 'description') ?? '').replace(/^"|"$/g, ''));

function variables(moduleDir: string): string {
  const rows = blocksOf(path.join(moduleDir, 'variables.tf'), 'variable').map(({ name, body }) => {
    const type = (attribute(body, 'type') ?? '')
      .replace(/\n\s+(?=\w)/g, ', ')
      .replace(/\{, /, '{ ')
      .replace(/\s+/g, ' ')
      .replace(/ = optional\((\w+), ([^)]*)\)/g, ' $1 = $2')
      .replace(/(\w) = (string|number|bool)(?=,| \})/g, '$1 $2');
    const fallback = attribute(body, 'default');
    return [
      `\`${name}\``,
      `\`${cell(type)}\``,
      fallback === undefined ? '**required**' : `\`${fallback}\``,
      described(body),
    ];
  });
  return table(['variable', 'type', 'default', ''], rows);
}

function outputs(moduleDir: string): string {
  const rows = blocksOf(path.join(moduleDir, 'outputs.tf'), 'output');
  return table(
    ['output', ''],
    rows.map(({ name, body }) => [`\`${name}\``, described(body)]),
  );
}

function functions(moduleDir: string): string {
  const text = readFileSync(path.join(moduleDir, 'functions.tf'), 'utf8');
  const pattern =
    /^ {4}(\w+)\s+= \{ memory = "(\w+)", concurrency = (\d+), timeout = (\d+), max = (\d+), ingress = "(\w+)" \}/gm;
  const rows = [...text.matchAll(pattern)].map(([, name, memory, concurrency, timeout, max, ingress]) => [
    `\`${name}\``,
    '1',
    `${memory}`,
    `${concurrency}`,
    `${timeout} s`,
    `${max}`,
    ingress === 'ALLOW_ALL' ? 'anywhere' : 'Google services in the project',
  ]);
  return table(
    ['function', 'CPU', 'memory', 'concurrent requests', 'timeout', 'max instances', 'reachable from'],
    rows,
  );
}

function queues(): string {
  const { submit, queues: others } = cloudSettings;
  const retry = ({ maxAttempts, minBackoffSeconds, maxBackoffSeconds }: (typeof submit)['retry']): string =>
    `${maxAttempts} attempts, back-off ${minBackoffSeconds} to ${maxBackoffSeconds} s`;
  const lanes = Object.values(submit.lanes).length;
  return table(
    ['queue', 'rate', 'concurrent dispatches', 'retries'],
    [
      ...Object.entries(submit.models).map(([id, { requestsPerMinute }]) => [
        `\`${id}\`${lanes > 1 ? ', `…-batch`' : ''}`,
        `${requestsPerMinute} a minute`,
        `${submit.maxConcurrentDispatches}`,
        retry(submit.retry),
      ]),
      ...Object.entries(others).map(([id, queue]) => [
        `\`${id}\``,
        `${queue.maxDispatchesPerSecond} a second`,
        `${queue.maxConcurrentDispatches}`,
        retry(queue.retry),
      ]),
    ],
  );
}

function costs(): string {
  const usd = (amount: number): string => amount.toFixed(2);
  const lines = (list: readonly CostLine[]): string =>
    table(
      ['', 'amount', 'US dollars'],
      [
        ...list.map(({ item, amount, usd: each }) => [item, amount, usd(each)]),
        ['**total**', '', `**${usd(list.reduce((sum, { usd: each }) => sum + each, 0))}**`],
      ],
    );
  return `Idle, a month:\n\n${lines(idleCosts())}\n\nPer 1,000 videos:\n\n${lines(jobCosts(1000))}`;
}

/** @throws Error for a begin marker without its end marker, an unknown part, or a part without markers */
export function withGeneratedParts(readme: string, moduleDir: string): string {
  const parts: Readonly<Record<string, () => string>> = {
    variables: () => variables(moduleDir),
    outputs: () => outputs(moduleDir),
    functions: () => functions(moduleDir),
    queues,
    costs,
  };
  const missing = Object.keys(parts).filter((name) => !readme.includes(`<!-- begin: ${name} -->`));
  if (missing.length > 0)
    throw new Error(`The README has no <!-- begin: NAME --> marker for ${missing.join(', ')}.`);
  return readme.replace(
    /<!-- begin: (\w+) -->[\s\S]*?<!-- end: (\w+) -->/g,
    (_, name: string, end: string) => {
      const part = parts[name];
      if (!part) throw new Error(`<!-- begin: ${name} --> names no generated part.`);
      if (name !== end) throw new Error(`<!-- begin: ${name} --> is followed by <!-- end: ${end} -->.`);
      return `<!-- begin: ${name} -->\n\n${part()}\n\n<!-- end: ${name} -->`;
    },
  );
}
