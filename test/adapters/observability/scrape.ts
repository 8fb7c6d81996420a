import { expect } from 'vitest';

export type Sample = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  value: number;
};

export type Family = { readonly help: string; readonly type: string; readonly samples: Sample[] };

const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"/g;
const SAMPLE =
  /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"(?:,|(?=\})))*)\})? (\S+)$/;

/** Parses a scrape in Prometheus's text format 0.0.4. Strict: a line in any other form fails the test. */
export function parseScrape(text: string): Map<string, Family> {
  expect(text.endsWith('\n')).toBe(true);
  const families = new Map<string, Family>();
  let family: Family | undefined;
  let help: string | undefined;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const comment = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (comment?.[1] === 'HELP') {
      help = comment[3];
    } else if (comment !== null) {
      const [, , name = '', type = ''] = comment;
      expect(families.has(name), `a second TYPE of ${name}`).toBe(false);
      family = { help: help ?? '', type, samples: [] };
      families.set(name, family);
    } else {
      family?.samples.push(sampleOf(line));
    }
  }
  return families;
}

function sampleOf(line: string): Sample {
  const match = SAMPLE.exec(line);
  if (match === null) throw new Error(`not a sample: ${line}`);
  const [, name = '', labels = '', value] = match;
  const number = Number(value);
  expect(Number.isFinite(number), line).toBe(true);
  return {
    name,
    labels: Object.fromEntries(
      [...labels.matchAll(LABEL)].map(([, key, text = '']) => [key, unescaped(text)]),
    ),
    value: number,
  };
}

function unescaped(text: string): string {
  return text.replaceAll(/\\(.)/g, (_escape, character) => (character === 'n' ? '\n' : character));
}

/** Returns all samples of a scrape. */
export function samplesOf(families: ReadonlyMap<string, Family>): Sample[] {
  return [...families.values()].flatMap(({ samples }) => samples);
}

/** Returns the samples that are not 0 as `name{label="value"} value`, without buckets and sums. */
export function counted(text: string): string[] {
  return samplesOf(parseScrape(text))
    .filter(({ name, value }) => value !== 0 && !/_(?:bucket|sum)$/.test(name))
    .map(({ name, labels, value }) => {
      const pairs = Object.entries(labels).map(([label, each]) => `${label}="${each}"`);
      return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`;
    })
    .sort();
}
