import type { SrvData } from 'dns-packet';
import { describe, expect, it } from 'vitest';
import { inOrder } from '../../../adapters/federation/discovery/srv.ts';
import { clientWith, dnsStub, failureOf, get, RecordingServer } from './support.ts';

/** The port in a name or an SRV record, which a test replaces by the port of its server. */
const PORT = 'PORT';

/** A row of the specification's table: what is published about a server name, and what its server must then see. */
type Row = {
  readonly step: string;
  readonly name: string;
  /** The `m.server` of the well-known document. Without it, nothing listens at the port of well-known documents. */
  readonly delegatesTo?: string;
  /** The targets of SRV records, by the name of the records. */
  readonly srv?: Readonly<Record<string, string>>;
  readonly listensAt?: string;
  /** The names that have addresses. */
  readonly hosts: readonly string[];
  /** The name that the certificate must have. */
  readonly certificate: string;
  readonly host: string;
  readonly sni: string | false;
  /** Names that may not be enough for the certificate. */
  readonly wrong: readonly string[];
};

const rows: readonly Row[] = [
  {
    step: '1, an IP literal',
    name: '127.0.0.2',
    hosts: [],
    certificate: 'IP:127.0.0.2',
    host: '127.0.0.2',
    sni: false,
    wrong: ['IP:127.0.0.3', 'DNS:127.0.0.2'],
  },
  {
    step: '1, an IP literal with a port',
    name: `127.0.0.2:${PORT}`,
    hosts: [],
    certificate: 'IP:127.0.0.2',
    host: `127.0.0.2:${PORT}`,
    sni: false,
    wrong: ['IP:127.0.0.3'],
  },
  {
    step: '1, an IPv6 literal',
    name: '[::1]',
    listensAt: '::1',
    hosts: [],
    certificate: 'IP:::1',
    host: '[::1]',
    sni: false,
    wrong: ['IP:127.0.0.1'],
  },
  {
    step: '1, an IPv6 literal with a port',
    name: `[::1]:${PORT}`,
    listensAt: '::1',
    hosts: [],
    certificate: 'IP:::1',
    host: `[::1]:${PORT}`,
    sni: false,
    wrong: ['IP:127.0.0.1'],
  },
  {
    step: '2, a port',
    name: `a.test:${PORT}`,
    delegatesTo: 'elsewhere.test',
    srv: { '_matrix-fed._tcp.a.test': 'elsewhere.test' },
    hosts: ['a.test'],
    certificate: 'DNS:a.test',
    host: `a.test:${PORT}`,
    sni: 'a.test',
    wrong: ['DNS:elsewhere.test', 'IP:127.0.0.2'],
  },
  {
    step: '3.1, delegated to an IP literal',
    name: 'a.test',
    delegatesTo: '127.0.0.2',
    hosts: ['a.test'],
    certificate: 'IP:127.0.0.2',
    host: '127.0.0.2',
    sni: false,
    wrong: ['DNS:a.test'],
  },
  {
    step: '3.1, delegated to an IPv6 literal with a port',
    name: 'a.test',
    delegatesTo: `[::1]:${PORT}`,
    listensAt: '::1',
    hosts: ['a.test'],
    certificate: 'IP:::1',
    host: `[::1]:${PORT}`,
    sni: false,
    wrong: ['DNS:a.test'],
  },
  {
    step: '3.2, delegated to a name with a port',
    name: 'a.test',
    delegatesTo: `b.test:${PORT}`,
    srv: { '_matrix-fed._tcp.b.test': 'elsewhere.test', '_matrix-fed._tcp.a.test': 'elsewhere.test' },
    hosts: ['a.test', 'b.test'],
    certificate: 'DNS:b.test',
    host: `b.test:${PORT}`,
    sni: 'b.test',
    wrong: ['DNS:a.test', 'IP:127.0.0.2'],
  },
  {
    step: '3.3, delegated to a name with SRV records',
    name: 'a.test',
    delegatesTo: 'b.test',
    srv: {
      '_matrix-fed._tcp.b.test': 'c.test',
      '_matrix._tcp.b.test': 'elsewhere.test',
      '_matrix-fed._tcp.a.test': 'elsewhere.test',
    },
    hosts: ['a.test', 'c.test'],
    certificate: 'DNS:b.test',
    host: 'b.test',
    sni: 'b.test',
    wrong: ['DNS:a.test', 'DNS:c.test'],
  },
  {
    step: '3.4, delegated to a name with deprecated SRV records',
    name: 'a.test',
    delegatesTo: 'b.test',
    srv: { '_matrix._tcp.b.test': 'c.test' },
    hosts: ['a.test', 'c.test'],
    certificate: 'DNS:b.test',
    host: 'b.test',
    sni: 'b.test',
    wrong: ['DNS:a.test', 'DNS:c.test'],
  },
  {
    step: '3.5, delegated to a name with addresses alone',
    name: 'a.test',
    delegatesTo: 'b.test',
    hosts: ['a.test', 'b.test'],
    certificate: 'DNS:b.test',
    host: 'b.test',
    sni: 'b.test',
    wrong: ['DNS:a.test'],
  },
  {
    step: '4, SRV records',
    name: 'a.test',
    srv: { '_matrix-fed._tcp.a.test': 'c.test', '_matrix._tcp.a.test': 'elsewhere.test' },
    hosts: ['a.test', 'c.test'],
    certificate: 'DNS:a.test',
    host: 'a.test',
    sni: 'a.test',
    wrong: ['DNS:c.test', 'IP:127.0.0.2'],
  },
  {
    step: '5, deprecated SRV records',
    name: 'a.test',
    srv: { '_matrix._tcp.a.test': 'c.test' },
    hosts: ['a.test', 'c.test'],
    certificate: 'DNS:a.test',
    host: 'a.test',
    sni: 'a.test',
    wrong: ['DNS:c.test'],
  },
  {
    step: '6, addresses alone',
    name: 'a.test',
    hosts: ['a.test'],
    certificate: 'DNS:a.test',
    host: 'a.test',
    sni: 'a.test',
    wrong: ['DNS:b.test', 'DNS:test', 'IP:127.0.0.2'],
  },
];

/** Publishes what a row says, and starts a server with a certificate for these names. */
async function publish(row: Row, names: readonly string[]) {
  const server = await RecordingServer.start(names, row.listensAt);
  const inPlace = (text: string) => text.replace(PORT, `${server.port}`);
  const dns = await dnsStub();
  dns.answer = (name) => (row.hosts.includes(name) ? ['127.0.0.2'] : 'NXDOMAIN');
  dns.srv = (name) => {
    const target = row.srv?.[name];
    return target === undefined ? 'NXDOMAIN' : [{ target, port: server.port }];
  };
  const wellKnown = await RecordingServer.start(['DNS:a.test']);
  wellKnown.respond = (_received, response) => {
    if (row.delegatesTo !== undefined) return { 'm.server': inPlace(row.delegatesTo) };
    response.statusCode = 404;
    response.end('Not found');
    return undefined;
  };
  const client = await clientWith({
    dns: { servers: [dns.address] },
    wellKnownPort: wellKnown.port,
    // Nobody listens there, if the row names another port.
    defaultPort: server.port,
  });
  return { server, dns, wellKnown, client, name: inPlace(row.name), host: inPlace(row.host) };
}

describe('a server is found as the specification says', () => {
  it.each(rows)('step $step', async (row) => {
    const { server, wellKnown, client, name, host } = await publish(row, [row.certificate]);
    expect(await get(client, name)).toMatchObject({ status: 200, server: name });
    expect(server.received).toMatchObject([
      { target: '/_matrix/test', servername: row.sni, headers: { host } },
    ]);
    // The names that are signed are those before delegation.
    expect(server.received[0]?.headers.authorization).toContain(`destination="${name}"`);
    const asked = row.step.startsWith('1') || row.step.startsWith('2') ? [] : ['/.well-known/matrix/server'];
    expect(wellKnown.received.map(({ target }) => target)).toEqual(asked);
  });

  it.each(rows.flatMap((row) => row.wrong.map((wrong) => [row.step, wrong, row] as const)))(
    'step %s, and not with a certificate for %s',
    async (_step, wrong, row) => {
      const { server, client, name } = await publish(row, [wrong]);
      expect(await failureOf(get(client, name))).toBe('tls');
      expect(server.received).toEqual([]);
    },
  );

  it('asks the DNS neither for an IP literal nor for SRV records of a name with a port', async () => {
    for (const step of ['1, an IP literal', '2, a port', '3.2, delegated to a name with a port']) {
      const row = rows.find((each) => each.step === step);
      if (row === undefined) throw new Error(step);
      const { dns, client, name } = await publish(row, [row.certificate]);
      await get(client, name);
      expect(dns.queries.filter((each) => each.startsWith('SRV'))).toEqual([]);
      expect(dns.queries.length > 0).toBe(row.hosts.length > 0);
    }
  });
});

describe('a name that is no server name that can be reached', () => {
  it.each([
    '',
    'a.test:0',
    'a.test:65536',
    '1.2.3',
    '127.1',
    '0x7f.1',
    '256.1.1.1',
    'a_b.test',
    '[::1',
    'a b',
  ])('gets no request: %j', async (name) => {
    const dns = await dnsStub();
    expect(await failureOf(get(await clientWith({ dns: { servers: [dns.address] } }), name))).toBe('address');
    expect(dns.queries).toEqual([]);
  });
});

/** Starts a server for `a.test` and a DNS that knows where other names are. Nothing listens for well-known documents. */
async function withSrv(records: (port: number) => readonly SrvData[] | 'NXDOMAIN' | 'SERVFAIL' | 'silence') {
  const server = await RecordingServer.start(['DNS:a.test']);
  const dns = await dnsStub();
  dns.answer = (name) => (name === 'a.test' || name === 'up.test' ? ['127.0.0.2'] : ['127.0.0.9']);
  dns.srv = (name) => (name === '_matrix-fed._tcp.a.test' ? records(server.port) : 'NXDOMAIN');
  const client = await clientWith({
    dns: { servers: [dns.address] },
    wellKnownPort: 1,
    defaultPort: server.port,
  });
  return { server, dns, client };
}

describe('SRV records', () => {
  it.each([
    ['have no records', [], 1],
    ['do not exist', 'NXDOMAIN', 1],
    ['cannot be looked up', 'SERVFAIL', 0],
    ['are not answered', 'silence', 0],
  ] as const)('that %s', async (_what, answer, requests) => {
    const { server, client } = await withSrv(() => answer);
    const result = get(client, 'a.test');
    if (requests === 1) expect(await result).toMatchObject({ status: 200 });
    else expect(await failureOf(result)).toBe('dns');
    expect(server.received).toHaveLength(requests);
  });

  it('with the target . say that there is no server', async () => {
    const { server, dns, client } = await withSrv((port) => [{ target: '.', port }]);
    expect(await failureOf(get(client, 'a.test'))).toBe('dns');
    expect(server.received).toEqual([]);
    expect(dns.queries).not.toContain('SRV _matrix._tcp.a.test');
  });

  it('are tried by priority until one can be connected to', async () => {
    const { server, client } = await withSrv((port) => [
      { target: 'up.test', port, priority: 30 },
      { target: 'down.test', port, priority: 10 },
      { target: 'down.test', port: port + 1, priority: 20 },
      { target: 'down.test', port: port + 2, priority: 40 },
    ]);
    expect(await get(client, 'a.test')).toMatchObject({ status: 200 });
    expect(server.received).toHaveLength(1);
  });

  it('whose targets all refuse are a failure, not a request to the host itself', async () => {
    const { server, client } = await withSrv((port) => [{ target: 'down.test', port }]);
    expect(await failureOf(get(client, 'a.test'))).toBe('connect');
    expect(server.received).toEqual([]);
  });
});

describe('the order of SRV records', () => {
  const record = (name: string, priority: number, weight: number) => ({ name, priority, weight, port: 1 });

  it('is by priority, whatever their weight', () => {
    const records = [record('c', 3, 100), record('a', 1, 0), record('b', 2, 50)];
    for (const random of [0, 0.5, 0.999]) {
      expect(inOrder(records, () => random).map(({ name }) => name)).toEqual(['a', 'b', 'c']);
    }
  });

  it('is at random by weight for those of the same priority', () => {
    const records = [record('one', 0, 1), record('none', 0, 0), record('three', 0, 3)];
    const first = (random: number) => inOrder(records, () => random)[0]?.name;
    // The sum is 4, and a number from 0 to 4 decides.
    expect([0, 0.2, 0.4, 0.6, 0.8].map(first)).toEqual(['none', 'one', 'three', 'three', 'three']);
    expect(inOrder(records, () => 0.8).map(({ name }) => name)).toEqual(['three', 'one', 'none']);
  });

  it('leaves out all but the first fifty', () => {
    const records = Array.from({ length: 3_000 }, (_, index) => record(`${index}`, 3_000 - index, 0));
    const names = inOrder(records).map(({ name }) => name);
    expect([names.length, names[0], names.at(-1)]).toEqual([50, '2999', '2950']);
  });
});
