import { readFileSync } from 'node:fs';
import type { InviteRouterOptions } from 'express-matrix-invite';
import { MatrixError, type RemoteInvites, StorageUnavailableError } from 'express-matrix-invite';
import { openTelemetry } from 'express-matrix-invite/observability/open-telemetry';
import { prometheusMetrics } from 'express-matrix-invite/observability/prometheus';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { transactionalStorage } from 'express-matrix-invite/storage/transactional';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ROOT, readPage, sectionsOf, tableRowsOf } from '../../docs/pages.ts';
import { BOB, invite, limits, seedRoom, send, setUp } from '../../http/support.ts';
import { around } from '../../invite/support.ts';
import { parseScrape, samplesOf } from './scrape.ts';

const page = readPage('docs/observability.md');

function textUnder(title: string): string {
  return sectionsOf(page).find((section) => section.title === title)?.text ?? '';
}

const firstCells = (rows: readonly string[][]) => rows.flatMap(([cell = '']) => cell.split(', '));

/** Returns the metrics that the code registers, as prom-client stores them. */
function registered(): { name: string; type: string; labelNames: string[] }[] {
  const register = new Registry();
  prometheusMetrics(register);
  return register.getMetricsAsArray() as unknown as { name: string; type: string; labelNames: string[] }[];
}

const metricRows = tableRowsOf(textUnder('Metrics')).filter((row) => row.length === 4);
const labelRows = tableRowsOf(textUnder('Labels'));

/** The expressions of the alerts and panels in `examples/operations`. */
const expressionsIn = (name: string): string[] => {
  const text = readFileSync(`${ROOT}examples/operations/${name}`, 'utf8');
  return name.endsWith('.json')
    ? JSON.parse(text).panels.flatMap(({ targets }: Panel) => targets.map(({ expr }) => expr))
    : parse(text).groups.flatMap(({ rules }: Group) => rules.map(({ expr }) => expr));
};
type Panel = { readonly targets: readonly { readonly expr: string }[] };
type Group = { readonly rules: readonly { readonly expr: string }[] };

/** Returns the values in backquotes in the row of a label. */
const valuesOf = (label: string): string[] => {
  const row = new RegExp(`^\\| \`${label}\` \\| (.*) \\|$`, 'm').exec(textUnder('Labels'))?.[1] ?? '';
  return [...row.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '');
};

/**
 * Returns the values of each label, in a registry that has also seen values that are not known in advance.
 */
async function seenValues(): Promise<Map<string, Set<string>>> {
  const register = new Registry();
  const observe = prometheusMetrics(register);
  const strange = { scope: 'x', durationMs: 1, tries: 1 } as const;
  observe({ ...strange, status: 451, errcode: 'X' } as never);
  observe({ ...strange, status: 599, errcode: 'X', remoteStatus: 103 } as never);
  for (let count = 0; count <= 50; count += 1)
    observe({ ...strange, status: 403, policy: `p${count}` } as never);
  const values = new Map<string, Set<string>>();
  for (const { labels } of samplesOf(parseScrape(await register.metrics()))) {
    for (const [label, value] of Object.entries(labels)) {
      values.set(label, (values.get(label) ?? new Set()).add(value));
    }
  }
  values.delete('le');
  return values;
}

describe('the metrics in docs/observability.md', () => {
  it('are the ones in the code, with their types and labels', () => {
    expect(metricRows.map(([name, type, labels]) => [name, type, labels])).toEqual(
      registered().map(({ name, type, labelNames }) => [name, type, labelNames.join(', ') || 'none']),
    );
  });

  it('have labels with the values in the code', async () => {
    const seen = await seenValues();
    expect(labelRows.map(([label]) => label).sort()).toEqual([...seen.keys()].sort());
    for (const [label, values] of seen) {
      const expected = label === 'policy' ? ['other'] : [...values].filter((value) => value !== '');
      expect([label, valuesOf(label).sort()]).toEqual([label, expected.sort()]);
    }
  });

  it('have fewer series than the page says', async () => {
    const perLabels = new Map<string, number>();
    const seen = await seenValues();
    const sizeOf = (label: string) => seen.get(label)?.size ?? 0;
    for (const { name, labelNames } of registered()) {
      perLabels.set(
        name,
        labelNames.reduce((product, label) => product * sizeOf(label), 1),
      );
    }
    // Only a 200 has an outcome, and it has no errcode. A histogram has buckets, a sum and a count.
    perLabels.set('matrix_invite_requests_total', 3 + (sizeOf('status') - 1) * (sizeOf('errcode') - 1));
    perLabels.set('matrix_invite_duration_seconds', sizeOf('status_class') * (13 + 2));
    const most = [...perLabels.values()].reduce((sum, count) => sum + count, 0);
    const said = Number(/fewer than (\d+)\s+series/.exec(textUnder('Labels'))?.[1]);
    expect(most).toBeLessThan(said);
    expect(most).toBeGreaterThan(said / 2);
  });
});

describe.each(['alerts.yml', 'dashboard.json'])('the expressions in %s', (name) => {
  /** Set by the example, not by `prometheusMetrics`. */
  const OTHERS = ['matrix_invite_rate_limit_fallback'];
  const expressions = expressionsIn(name);
  const used = expressions.flatMap((expression) =>
    [...expression.matchAll(/(matrix_invite_\w+?)(_bucket)?(?:\{([^}]*)\})?(?=[[\s)]|$)/g)]
      .map(([, metric = '', bucket, matchers = '']) => ({ metric, isBucket: bucket !== undefined, matchers }))
      .filter(({ metric }) => !OTHERS.includes(metric)),
  );

  it('use every metric, and no others', () => {
    const names = registered().map((each) => each.name);
    expect([...new Set(used.map(({ metric }) => metric))].sort()).toEqual([...names].sort());
  });

  it('select existing labels and values', async () => {
    const seen = await seenValues();
    for (const { metric, isBucket, matchers } of used) {
      const { type, labelNames } = registered().find((each) => each.name === metric) ?? {};
      expect([metric, isBucket]).toEqual([metric, type === 'histogram']);
      for (const [, label = '', operator = '', value = ''] of matchers.matchAll(
        /(\w+)(=~|!~|!=|=)"([^"]*)"/g,
      )) {
        expect(labelNames).toContain(label);
        const pattern = new RegExp(operator.includes('~') ? `^(?:${value})$` : `^${value}$`);
        expect([label, value, [...(seen.get(label) ?? [])].some((each) => pattern.test(each))]).toEqual([
          label,
          value,
          true,
        ]);
      }
    }
  });

  it('sum by existing labels', () => {
    const grouped = expressions.flatMap((expression) =>
      [
        ...expression.matchAll(/by \(([\w, ]+)\) \((?:rate|increase)\((matrix_invite_\w+?)(?:_bucket)?[{[]/g),
      ].flatMap(([, labels = '', metric]) => labels.split(', ').map((label) => [label, metric] as const)),
    );
    expect(grouped.length).toBeGreaterThan(3);
    for (const [label, metric] of grouped) {
      const { labelNames = [] } = registered().find((each) => each.name === metric) ?? {};
      expect([...labelNames, 'le']).toContain(label);
    }
  });
});

describe('the options in docs/observability.md', () => {
  const allowedBy = (make: () => unknown) => {
    try {
      make();
    } catch (error) {
      return /allowed: (.*)$/.exec(String(error))?.[1]?.split(', ');
    }
    return undefined;
  };
  const documentedUnder = (title: string, from: string) =>
    firstCells(tableRowsOf(textUnder(title).slice(textUnder(title).indexOf(from))));

  it('are the ones in the code', () => {
    const unknown = { unknown: 1 } as never;
    expect(documentedUnder('Metrics', '`PrometheusOptions`')).toEqual(
      allowedBy(() => prometheusMetrics(new Registry(), unknown)),
    );
    expect(documentedUnder('Spans', '`OpenTelemetryOptions`')).toEqual(
      allowedBy(() => openTelemetry(unknown)),
    );
  });
});

describe('the log line in docs/observability.md', () => {
  type Line = readonly [level: string, fields: { readonly status: number }, text: string];

  async function linesOf(
    options: Partial<InviteRouterOptions>,
    request: (app: Parameters<typeof send>[0]) => Promise<unknown>,
  ): Promise<Line[]> {
    const lines: Line[] = [];
    const at = (level: string) => (fields: object, text: string) =>
      lines.push([level, fields as Line[1], text]);
    const logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
    const { app, store } = setUp({ logger, requestId: () => 'id', ...options });
    await seedRoom(store);
    await request(app);
    return lines;
  }

  /** Returns the name of a response in the page's table of levels. */
  function responseOf(status: number): string {
    if (status === 200) return '200';
    if (status >= 502 && status <= 504) return '502, 503, 504';
    return status < 500 ? '4xx' : 'other 5xx';
  }

  const failing = (error: Error) => around(new MemoryStorage(), { readState: () => Promise.reject(error) });

  const unreachable = new MatrixError(502, 'M_UNKNOWN', 'The server cannot be reached');
  const federation: RemoteInvites = {
    timeoutMs: 1_000,
    stateKeys: () => [],
    concerns: () => true,
    objectionTo: () => undefined,
    invite: async () => ({ outcome: 'refused', error: unreachable, wasAsked: true, remoteStatus: 502 }),
    abandon: async () => {},
  };

  const refusing = transactionalStorage({
    transact: (_roomId, work) => work(undefined),
    readState: () => Promise.reject(new MatrixError(403, 'M_FORBIDDEN', 'The room is archived')),
    insert: async () => {},
  });

  it('has the fields, message and levels in the code', async () => {
    const lines = [
      await linesOf({}, invite),
      await linesOf({}, (app) => send(app, { headers: {} })),
      await linesOf({ rateLimit: limits(1, 1) }, async (app) => {
        await invite(app);
        await invite(app);
      }),
      await linesOf({ policies: [{ name: 'p', decide: () => 'drop' }] }, invite),
      await linesOf({}, (app) => invite(app, { token: 'bob-token', body: { user_id: BOB } })),
      await linesOf({}, (app) => invite(app, { roomId: '!none:example.org' })),
      await linesOf({ users: { getProfile: () => Promise.reject(new Error('none')) } }, invite),
      await linesOf({ storage: failing(new StorageUnavailableError('down')) }, invite),
      await linesOf({ storage: failing(new Error('bug')) }, invite),
      await linesOf({ storage: refusing }, invite),
      await linesOf({ federation }, (app) => invite(app, { body: { user_id: '@dave:two.test' } })),
    ].flat();
    const fields = new Set(lines.flatMap(([, each]) => Object.keys(each)));
    expect(firstCells(tableRowsOf(textUnder('Log lines')).slice(4)).sort()).toEqual([...fields].sort());
    for (const [, { status }, text] of lines) {
      expect(text).toBe(`Responded ${status} to an invite`);
    }
    const isProblem = ([, each]: Line) => 'problems' in each;
    const levels = lines
      .filter((line) => !isProblem(line))
      .map(([level, { status }]) => [responseOf(status), level]);
    expect([...new Map(levels as [string, string][])].sort()).toEqual(
      tableRowsOf(textUnder('Log lines')).slice(0, 4).sort(),
    );
    expect(lines.filter(isProblem)).toMatchObject([['warn', { status: 200 }, 'Responded 200 to an invite']]);
  });
});
