import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { installedCommand } from '../../servers/debian-package.ts';
import { PostgresServer } from '../../servers/postgres-server.ts';
import { RedisServer } from '../../servers/redis-server.ts';
import { App, migrate, Traffic } from './app.ts';
import { FOLDER, read, replaced } from './files.ts';
import { CleanUps } from './program.ts';
import { Prometheus } from './prometheus.ts';

const run = promisify(execFile);

type Rule = {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
};
type AlertTest = { readonly alertname: string; readonly exp_alerts: readonly unknown[] };
type Panel = {
  readonly id: number;
  readonly title: string;
  readonly description: string;
  readonly type: string;
  readonly datasource: unknown;
  readonly gridPos: Record<'x' | 'y' | 'w' | 'h', number>;
  readonly targets: readonly {
    readonly expr: string;
    readonly datasource: unknown;
    readonly legendFormat: string;
    readonly refId: string;
  }[];
};

const rules: readonly Rule[] = parse(read('alerts.yml')).groups.flatMap(
  (group: { rules: readonly Rule[] }) => group.rules,
);
const dashboard = JSON.parse(read('dashboard.json'));
const panels: readonly Panel[] = dashboard.panels;
const targets = panels.flatMap((panel) => panel.targets);

/** Grafana replaces its own variable. A minute has enough samples. */
const expressionOf = ({ expr }: { readonly expr: string }) => expr.replaceAll('$__rate_interval', '1m');
const expressions = [...rules, ...targets].map(expressionOf);

/** The selectors in an expression, such as `up{job="matrix-invite"}`. */
const selectorsOf = (expression: string) =>
  expression.match(/\b(?:up|ALERTS|matrix_invite_\w+|nodejs_\w+|process_\w+)(?:\{[^}]*\})?/g) ?? [];

async function promtool(...parameters: string[]): Promise<string> {
  const { stdout } = await run(await installedCommand('promtool', 'prometheus'), parameters, { cwd: FOLDER });
  return stdout;
}

describe('the alerts', () => {
  it('pass promtool, and so does the configuration that loads them', async () => {
    expect(await promtool('check', 'rules', 'alerts.yml')).toContain(`SUCCESS: ${rules.length} rules found`);
    expect(await promtool('check', 'config', 'prometheus.yml')).toContain('prometheus.yml is valid');
  });

  it('pass their unit tests', async () => {
    expect(await promtool('test', 'rules', 'alerts.test.yml')).toContain('SUCCESS');
  });

  it('each have a unit test in which they fire, and one in which they do not', () => {
    const tests: AlertTest[] = parse(read('alerts.test.yml')).tests.flatMap(
      (test: { alert_rule_test: AlertTest[] }) => test.alert_rule_test,
    );
    const tested = (fires: boolean) =>
      new Set(
        tests.filter(({ exp_alerts }) => exp_alerts.length > 0 === fires).map(({ alertname }) => alertname),
      );
    const names = rules.map(({ alert }) => alert);
    expect(names.filter((name) => !tested(true).has(name))).toEqual([]);
    expect(names.filter((name) => !tested(false).has(name))).toEqual([]);
  });
});

describe('the dashboard', () => {
  it('has panels that do not overlap, with a title, a description and a query', () => {
    expect(dashboard).toMatchObject({ uid: 'matrix-invite', schemaVersion: expect.any(Number) });
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = new Set<string>();
    for (const { title, description, type, gridPos, targets } of panels) {
      expect([title, ['stat', 'timeseries'].includes(type), targets.length > 0]).toEqual([title, true, true]);
      expect(description).not.toBe('');
      expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect([title, x, y, cells.has(`${x} ${y}`)]).toEqual([title, x, y, false]);
          cells.add(`${x} ${y}`);
        }
      }
    }
  });

  it('lets people choose the data source, and uses the chosen one everywhere', () => {
    expect(dashboard.templating.list).toMatchObject([
      { name: 'datasource', type: 'datasource', query: 'prometheus' },
    ]);
    const used = [...panels, ...targets].map(({ datasource }) => datasource);
    expect(new Set(used.map((each) => JSON.stringify(each)))).toEqual(
      // biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana's syntax
      new Set([JSON.stringify({ type: 'prometheus', uid: '${datasource}' })]),
    );
  });

  it('shows every metric', () => {
    const inAlerts = new Set(
      rules.flatMap(({ expr }) => selectorsOf(expr)).map((each) => each.split('{')[0]),
    );
    const inPanels = new Set(
      targets.flatMap(({ expr }) => selectorsOf(expr)).map((each) => each.split('{')[0]),
    );
    expect([...inAlerts].filter((name) => !inPanels.has(name))).toEqual([]);
  });
});

describe('a real Prometheus that scrapes two processes of the example', () => {
  const cleanUps = new CleanUps();
  let database: PostgresServer;
  let redis: RedisServer;
  let apps: [App, App];
  let prometheus: Prometheus;

  /** A minute in the file is a second here. */
  const quickAlerts = read('alerts.yml')
    .replaceAll(/\b(\d+)m\b/g, '$1s')
    .replaceAll('[1h]', '[60s]')
    .replace('name: matrix-invite', 'name: matrix-invite\n    interval: 500ms');

  const untilFiring = (...alerts: string[]) =>
    vi.waitUntil(
      async () => {
        const firing = await prometheus.firing();
        return alerts.every((alert) => firing.includes(alert));
      },
      { timeout: 90_000, interval: 250 },
    );
  const untilQuiet = (...alerts: string[]) =>
    vi.waitUntil(
      async () => {
        const firing = await prometheus.firing();
        return alerts.every((alert) => !firing.includes(alert));
      },
      { timeout: 90_000, interval: 250 },
    );

  beforeAll(async () => {
    database = cleanUps.add(await PostgresServer.start());
    redis = cleanUps.add(await RedisServer.start());
    const { host, port, user, database: name } = database.connection;
    const environment = {
      DATABASE_URL: `postgres://${user}@${host}:${port}/${name}`,
      REDIS_URL: redis.url,
    };
    await migrate(environment);
    apps = [cleanUps.add(await App.start(environment)), cleanUps.add(await App.start(environment))];
    prometheus = cleanUps.add(
      await Prometheus.start({
        'prometheus.yml': replaced(read('prometheus.yml'), {
          '- 127.0.0.1:9464': apps
            .map(({ metricsPort }) => `- 127.0.0.1:${metricsPort}`)
            .join('\n          '),
          '15s': '500ms',
        }),
        'alerts.yml': quickAlerts,
      }),
    );
    cleanUps.add(new Traffic(apps));
  });

  afterAll(() => cleanUps.run());

  it('finds every metric, label and value that alerts and panels select', async () => {
    expect(expressions.length).toBeGreaterThan(30);
    const selectors = [...new Set(expressions.flatMap(selectorsOf))];
    const exist = async (selector: string) => (await prometheus.query(selector)).length > 0;
    // The example has no policy, and no alert fires yet.
    const empty = (selector: string) => /^(?:ALERTS|matrix_invite_policy_refusals_total)\b/.test(selector);
    await vi.waitUntil(async () => await exist('matrix_invite_requests_total'), { timeout: 20_000 });
    const missing: string[] = [];
    for (const selector of selectors)
      if (!empty(selector) && !(await exist(selector))) missing.push(selector);
    expect(missing).toEqual([]);
    expect(selectors.filter(empty)).toHaveLength(2);
  });

  it('evaluates every expression of the alerts and the dashboard', async () => {
    for (const expression of expressions) await prometheus.query(expression);
    await vi.waitUntil(async () => (await prometheus.rules()).every(({ health }) => health === 'ok'), {
      timeout: 20_000,
    });
  });

  it('has data for every panel that names no failure, with the labels in its legend', async () => {
    const failuresOnly = ['Failures by function', 'Refusals and drops by policy', 'Firing alerts'];
    const shown = panels.filter(({ title }) => !failuresOnly.includes(title));
    expect(shown).toHaveLength(panels.length - failuresOnly.length);
    for (const { title, targets } of shown) {
      for (const target of targets) {
        await vi.waitUntil(async () => (await prometheus.query(expressionOf(target))).length > 0, {
          timeout: 20_000,
        });
        const series = await prometheus.query(expressionOf(target));
        const labels = [...target.legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label);
        for (const { metric } of series) {
          expect([title, labels.filter((label) => !(label in metric))]).toEqual([title, []]);
        }
      }
    }
  });

  it('fires when PostgreSQL is down, and stops when it is back', async () => {
    await database.stop('SIGQUIT');
    await untilFiring('MatrixInviteErrors', 'MatrixInviteStorageFails');
    const [failures] = await prometheus.query(
      'topk(1, sum by (call) (rate(matrix_invite_host_call_failures_total[5s])))',
    );
    expect(failures?.metric).toEqual({ call: 'readState' });
    expect(await prometheus.firing()).not.toContain('MatrixInviteLoginsFail');
    await database.startAgain();
    await untilQuiet('MatrixInviteErrors', 'MatrixInviteStorageFails');
  });

  it('fires when Redis is down, and stops when it is back', async () => {
    await redis.kill();
    await untilFiring('MatrixInviteRateLimitFallback');
    expect(await prometheus.firing()).not.toContain('MatrixInviteErrors');
    await redis.startAgain();
    await untilQuiet('MatrixInviteRateLimitFallback');
  });

  it('fires when a process dies, and when all are dead', async () => {
    await apps[0].program.stop('SIGKILL');
    await untilFiring('MatrixInviteProcessDown');
    expect(await prometheus.firing()).not.toContain('MatrixInviteDown');
    await apps[1].program.stop('SIGKILL');
    await untilFiring('MatrixInviteDown');
  });
});
