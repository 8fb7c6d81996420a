// Which files may import which. `npm run lint` checks these rules, and test/package/lint-rules.test.ts checks the rules.
// Paths are regular expressions from the root of the repository. Type-only imports count too.

/** The packages that each adapter may import. An adapter without a line here imports none. */
export const DRIVERS = {
  'auth/app-services': ['re2js'],
  'auth/jwt': ['jose'],
  'auth/oauth-introspection': ['oauth4webapi'],
  federation: ['ipaddr.js'],
  'observability/open-telemetry': ['@opentelemetry/api'],
  'observability/prometheus': ['prom-client'],
  'policies/content-rules': ['linkify-it'],
  'rate-limit/memory': ['rate-limiter-flexible'],
  'rate-limit/redis': ['rate-limiter-flexible'],
  'storage/memory-graph': [],
  'storage/sqlite-graph': [],
  'third-party': ['ipaddr.js'],
};

const ROOMS = '^src/rooms/';
const PDU = '^src/pdu/';
const ERRORS = '^src/errors\\.ts$';
const PORTS = '^src/ports/';
const INTERNAL = '^src/internal/';
/** What src/pdu needs of the ports: types only. */
const SIGNING = '^src/ports/(signer|context)\\.ts$';
const SHARED = [ROOMS, ERRORS, PORTS, INTERNAL];
const INVITE = '^src/invite/';
/** The files of src that check signatures. A host app that uses none of them never loads src/pdu. */
const VERIFYING = '^src/(invite/on-bind|server-key-router)\\.ts$';
/** What a graph of events is made of. */
const GRAPH = '^src/(ports/room-graph\\.ts$|testing/room-graph/)';
const OPENAPI = '^src/openapi/';
const HTTP = '^src/http/';
const TESTING = '^src/testing/';
const ROUTER = '^src/router\\.ts$';
const ALL_BUT_TESTING = '^src/(?!testing/)';
const OUTBOUND = '^adapters/shared/outbound/';
const PUBLIC =
  '^(src/(|testing/|openapi/|pdu/)index|adapters/((third-party|federation)/index|(?!third-party/|federation/)[^/]+/[^/]+(|/index)))\\.ts$';
const PACKAGES = '(^|/)node_modules/';
const CRYPTO = '^(node:)?crypto$';
const EXPRESS = `${PACKAGES}express/`;
const NODE = Symbol('the modules of Node');

/** A rule: the files at `from` import nothing but `allowed`. */
const only = (name, from, allowed, comment) => ({
  name,
  comment,
  severity: 'error',
  from: typeof from === 'string' ? { path: from } : from,
  to: {
    pathNot: allowed.filter((path) => path !== NODE),
    ...(allowed.includes(NODE) ? { dependencyTypesNot: ['core'] } : {}),
  },
});

/** A rule: the files at `from` do not import `to`. */
const never = (name, from, to, comment) => ({ name, comment, severity: 'error', from, to });

/** The rule for the adapters at `from`, where `$1` is the kind and `$2` the name. */
const adapter = (from, ...allowed) =>
  only(
    'adapter',
    from,
    ['^adapters/$1/($2(/|\\.ts$)|shared/)', ...SHARED, PDU, ...allowed, NODE],
    'Each adapter can be read on its own, and loads no other adapter and no driver but its own.',
  );

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    never('circle', {}, { circular: true }, 'The files of a circle can be read and tested only together.'),

    // The core: a folder imports only what is below it.
    only('rooms', ROOMS, [ROOMS], 'The room rules are pure functions: no I/O, no clock, no HTTP.'),
    only(
      'pdu',
      PDU,
      [PDU, ROOMS, SIGNING, CRYPTO],
      'The format of PDUs is pure functions: of Node, they need only crypto.',
    ),
    never(
      'pdu-users',
      { path: '^src/', pathNot: [PDU, VERIFYING, GRAPH] },
      { path: PDU },
      'The main entry does not load it: most host apps neither sign nor check a signature.',
    ),
    only('errors', ERRORS, [ROOMS], 'Every folder imports it, so it imports only the room rules.'),
    only(
      'ports',
      PORTS,
      [PORTS, ROOMS, ERRORS, `${PDU}pdu\\.ts$`, NODE],
      'A port knows neither its callers nor its adapters.',
    ),
    only('internal', INTERNAL, [...SHARED, NODE], 'The core and the adapters share it: it knows neither.'),
    only(
      'invite',
      INVITE,
      [INVITE, ...SHARED, PDU, NODE],
      'An invite needs no HTTP, no Express, no adapter.',
    ),
    never('invite-http', { path: INVITE }, { path: '^(node:)?(http2?|https)$' }, 'HTTP belongs in src/http.'),
    only('openapi', OPENAPI, [OPENAPI, ROOMS], 'Users import it without the router.'),
    only(
      'http',
      HTTP,
      [HTTP, INVITE, OPENAPI, ...SHARED, EXPRESS, NODE],
      'HTTP calls the invite, and knows neither the router nor an adapter.',
    ),
    only(
      'testing',
      TESTING,
      [TESTING, PORTS, ROOMS, ERRORS, PDU, `${INTERNAL}options\\.ts$`, NODE],
      'The contract kits run in any test runner and test any adapter.',
    ),
    only('router', ROUTER, [ALL_BUT_TESTING, EXPRESS, NODE], 'The host app passes the adapters.'),
    only(
      'src',
      { path: '^src/', pathNot: [...SHARED, PDU, INVITE, OPENAPI, HTTP, TESTING, ROUTER] },
      [ALL_BUT_TESTING, NODE],
      'The rest of src needs no Express, no adapter, no contract kit.',
    ),

    // Adapters.
    ...Object.entries(DRIVERS).map(([name, drivers]) =>
      adapter(
        `^adapters/(${name.replace('/', ')/(')})(?:/|\\.ts$)`,
        ...drivers.map((driver) => `${PACKAGES}${driver}/`),
        // RedisRateLimit counts in memory while Redis is down.
        ...(name === 'rate-limit/redis' ? ['^adapters/rate-limit/memory\\.ts$'] : []),
        // Stores of rooms that federate, which extend these.
        ...(name === 'storage/memory-graph' ? ['^adapters/storage/memory\\.ts$'] : []),
        ...(name === 'storage/sqlite-graph' ? ['^adapters/storage/sqlite/'] : []),
        // These have no other adapters of their kind beside them, and their entries also have a router.
        ...(name === 'third-party'
          ? ['^adapters/third-party/', OUTBOUND, '^src/third-party-invite-router\\.ts$']
          : []),
        ...(name === 'federation'
          ? ['^adapters/federation/', OUTBOUND, '^src/server-key-router\\.ts$', '^src/http/x-matrix\\.ts$']
          : []),
      ),
    ),
    adapter({
      path: '^adapters/([^/]+)/([^/]+?)(?:/|\\.ts$)',
      pathNot: `^adapters/(${Object.keys(DRIVERS).join('|')}|shared)(/|\\.ts$)`,
    }),
    only(
      'outbound',
      OUTBOUND,
      [OUTBOUND, ...SHARED, `${PACKAGES}ipaddr\\.js/`, NODE],
      'Adapters of several kinds share it.',
    ),
    never(
      'node-sqlite',
      { path: '^(src|adapters)/' },
      { path: '^(node:)?sqlite$' },
      'Node 20 has no node:sqlite. The host app passes a database.',
    ),
    never(
      'own-name',
      { path: '^(src|adapters)/' },
      { dependencyTypes: ['aliased'] },
      "The package's own name would load its files a second time, from dist.",
    ),

    // Everything else.
    never(
      'public',
      {},
      { dependencyTypes: ['aliased'], pathNot: PUBLIC },
      "Only entry points are published, although tsconfig.json's paths resolve more.",
    ),
    only(
      'examples',
      '^examples/([^/]+)/',
      ['^examples/$1/', PUBLIC, PACKAGES, NODE],
      'Users copy an example as one folder.',
    ),
    never(
      'examples-names',
      { path: '^examples/' },
      { path: '^(src|adapters)/', dependencyTypesNot: ['aliased'] },
      'An example imports the package by its public names, as users do.',
    ),
    only(
      'servers',
      '^servers/',
      ['^servers/', PACKAGES, NODE],
      'Tests and benchmarks share it: it knows neither.',
    ),
    never('bench', { pathNot: '^(test/)?bench/' }, { path: '^bench/' }, 'Only its tests import a benchmark.'),
    never('test', { pathNot: '^(test|bench)/' }, { path: '^test/' }, 'Only tests import tests.'),
    never(
      'bench-test',
      { path: '^bench/' },
      { path: '^test/', pathNot: '^test/support/federation-inbox\\.ts$' },
      'A benchmark imports nothing of the tests but the server that it invites users of.',
    ),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|coverage|docs-site)/' },
  },
};
