import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  type AddressInfo,
  connect as connectTcp,
  createServer as createTcpServer,
  type Socket,
} from 'node:net';
import { createServer as createTlsServer, type SecureVersion } from 'node:tls';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { identityServers } from '../../../adapters/third-party/index.ts';
import { IdentityServer } from '../../../examples/invite-by-email/identity-server/index.ts';
import { PrivateCa } from '../../../examples/invite-by-email/private-ca.ts';
import { DnsStub } from '../../support/dns-stub.ts';
import { connectsDuring } from './connects.ts';
import { adapter, ca, context, inviteBy, rejectionOf, withIdentityServer } from './support.ts';

async function dnsStub(): Promise<DnsStub> {
  const dns = await DnsStub.start();
  onTestFinished(() => dns.close());
  return dns;
}

/** Starts an identity server with a name, and a DNS server that knows the name. */
async function withName(name: string, host: string, ...altNames: readonly string[]) {
  const credentials = await (await ca()).issue(...altNames);
  const server = await IdentityServer.start({ credentials, host, name });
  onTestFinished(() => server.close());
  const dns = await dnsStub();
  dns.answer = (asked) => (asked === name ? [host] : 'NXDOMAIN');
  const identity = await adapter({
    allowAddresses: ['127.0.0.0/8', '::1/128'],
    dns: { servers: [dns.address] },
    timeoutMs: 30_000,
  });
  return { server, dns, identity, invite: inviteBy(server) };
}

/** Starts a server that hands its TCP connections to `serve`. */
async function tcpServer(serve: (socket: Socket) => void, host = '127.0.0.2', port = 0) {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    serve(socket);
  }).listen(port, host);
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, sockets };
}

const keyAt = (server: string) => ({ publicKey: 'abc', keyValidityUrl: `https://${server}/` });

describe('a name', () => {
  it('is resolved once for a connection, with SNI, Host and certificate of the name', async () => {
    const { server, dns, identity, invite } = await withName('id.test', '127.0.0.2', 'DNS:id.test');
    const names: unknown[] = [];
    server.onConnection = ({ servername }) => names.push(servername);
    expect(await identity.lookUp(invite, context)).toBeUndefined();
    expect(dns.queries.sort()).toEqual(['A id.test', 'AAAA id.test']);
    expect(names).toEqual(['id.test']);
    expect(server.requests.map(({ headers }) => headers.host)).toEqual(Array(2).fill(server.name));
  });

  it('can have an IPv6 address', async () => {
    const { server, identity, invite } = await withName('id6.test', '::1', 'DNS:id6.test');
    expect(await identity.lookUp(invite, context)).toBeUndefined();
    expect(server.requests).toHaveLength(2);
  });

  it('gets no packet at another address once its DNS answers differently', async () => {
    const { server, dns, invite } = await withName('rebound.test', '127.0.0.2', 'DNS:rebound.test');
    const port = Number(server.name.split(':')[1]);
    const elsewhere = await tcpServer((socket) => socket.destroy(), '127.0.0.3', port);
    const strict = await adapter({ dns: { servers: [dns.address] } });
    // Closes each connection, so that each request needs a new one.
    server.intercept = (_request, response) => {
      response.setHeader('Connection', 'close');
      return undefined;
    };
    const connects = await connectsDuring(port, async () => {
      dns.answer = (_name, type) => (type === 'A' ? ['127.0.0.2'] : []);
      expect(await strict.isKeyValid(keyAt(server.name), context)).toBe(false);
      dns.answer = (_name, type) => (type === 'A' ? ['127.0.0.3'] : []);
      expect(await rejectionOf(strict.isKeyValid(keyAt(server.name), context))).toMatchObject({
        failure: 'address',
      });
      // Between the two requests of one call, too.
      dns.answer = () => [dns.queries.length > 6 ? '127.0.0.3' : '127.0.0.2'];
      expect(await rejectionOf(strict.lookUp(invite, context))).toMatchObject({ failure: 'address' });
    });
    expect(connects).toEqual(['127.0.0.2', '127.0.0.2']);
    expect(elsewhere.sockets.size).toBe(0);
  });

  it.each([['NXDOMAIN'], ['SERVFAIL'], [[]]] as const)('that has no address is a 502: %j', async (answer) => {
    const { server, dns, identity, invite } = await withName('none.test', '127.0.0.2', 'DNS:none.test');
    dns.answer = () => answer;
    expect(await rejectionOf(identity.lookUp(invite, context))).toMatchObject({
      status: 502,
      failure: 'dns',
    });
    expect(server.requests).toEqual([]);
  });

  it('whose DNS is silent is a 502 after five seconds', async () => {
    const { dns, identity, invite } = await withName('silent.test', '127.0.0.2', 'DNS:silent.test');
    dns.answer = () => 'silence';
    expect(await rejectionOf(identity.lookUp(invite, context))).toMatchObject({
      status: 502,
      failure: 'dns',
    });
  });

  it('is connected to without waiting for a family whose DNS is silent', async () => {
    const { server, dns, identity, invite } = await withName('half.test', '127.0.0.2', 'DNS:half.test');
    dns.answer = (_name, type) => (type === 'A' ? ['127.0.0.2'] : 'silence');
    let queries: string[] = [];
    server.onConnection = () => {
      queries = [...dns.queries];
    };
    expect(await identity.lookUp(invite, context)).toBeUndefined();
    // Whoever waits asks a second time first.
    expect(queries.sort()).toEqual(['A half.test', 'AAAA half.test']);
  });
});

describe('an IP literal', () => {
  it.each([
    ['127.0.0.2', 'IP:127.0.0.2'],
    ['::1', 'IP:::1'],
  ])('works without DNS and without SNI: %s', async (host, altName) => {
    const credentials = await (await ca()).issue(altName);
    const server = await IdentityServer.start({ credentials, host });
    onTestFinished(() => server.close());
    const dns = await dnsStub();
    const names: unknown[] = [];
    server.onConnection = ({ servername }) => names.push(servername);
    const identity = await adapter({
      servers: [server.name],
      allowAddresses: ['127.0.0.2/32', '::1/128'],
      dns: { servers: [dns.address] },
    });
    expect(identity.objectionTo(inviteBy(server))).toBeUndefined();
    expect(await identity.lookUp(inviteBy(server), context)).toBeUndefined();
    expect(server.requests.map(({ headers }) => headers.host)).toEqual([server.name, server.name]);
    expect(names).toEqual([false]);
    expect(dns.queries).toEqual([]);
  });
});

describe('several addresses', () => {
  it('are tried at once if one refuses', async () => {
    const { server, dns, identity, invite } = await withName('both.test', '127.0.0.2', 'DNS:both.test');
    dns.answer = () => ['::1', '127.0.0.3', '127.0.0.2'];
    const port = Number(server.name.split(':')[1]);
    const connects = await connectsDuring(port, () => identity.lookUp(invite, context));
    expect(connects).toEqual(['::1', '127.0.0.3', '127.0.0.2']);
  });

  it('are tried one after the other if one does not answer, and then any that does is used', async () => {
    const { server, dns, identity, invite } = await withName('hung.test', '127.0.0.2', 'DNS:hung.test');
    const port = Number(server.name.split(':')[1]);
    await listenerWithoutRoom('127.0.0.3', port);
    dns.answer = (_name, type) => (type === 'A' ? ['127.0.0.3', '127.0.0.2'] : []);
    const connects = await connectsDuring(port, () => identity.lookUp(invite, context));
    expect(connects).toEqual(['127.0.0.3', '127.0.0.2']);
    expect(server.requests).toHaveLength(2);
  });

  it('have five seconds in all', async () => {
    const { server, dns, identity, invite } = await withName('dead.test', '127.0.0.2', 'DNS:dead.test');
    await listenerWithoutRoom('127.0.0.3', Number(server.name.split(':')[1]));
    dns.answer = (_name, type) => (type === 'A' ? ['127.0.0.3'] : []);
    const { error, ...rejection } = await rejectionOf(identity.lookUp(invite, context));
    expect(rejection).toMatchObject({ status: 502, failure: 'connect' });
    expect((error.cause as { ms: number }).ms).toBeGreaterThanOrEqual(4_900);
  });

  it('are tried up to a number', async () => {
    const { dns, identity, invite } = await withName('many.test', '127.0.0.2', 'DNS:many.test');
    dns.answer = () => Array.from({ length: 40 }, (_, index) => `127.0.1.${index + 1}`);
    const port = Number(invite.idServer.split(':')[1]);
    const connects = await connectsDuring(port, async () => {
      expect(await rejectionOf(identity.lookUp(invite, context))).toMatchObject({ failure: 'connect' });
    });
    expect(connects).toHaveLength(8);
  });
});

describe('the certificate', () => {
  it.each([
    ['another name', 'DNS:other.test'],
    ['the address instead of the name', 'IP:127.0.0.2'],
    ['a part of the name', 'DNS:test'],
  ])('must not be for %s', async (_what, altName) => {
    const { server, identity, invite } = await withName('cert.test', '127.0.0.2', altName);
    expect(await rejectionOf(identity.lookUp(invite, context))).toMatchObject({
      status: 502,
      failure: 'tls',
    });
    expect(server.requests).toEqual([]);
  });

  it.each(['IP:127.0.0.3', 'DNS:127.0.0.2'])(
    'of an IP literal must be for it, not for %s',
    async (altName) => {
      const credentials = await (await ca()).issue(altName);
      const server = await IdentityServer.start({ credentials });
      onTestFinished(() => server.close());
      const identity = await adapter();
      expect(await rejectionOf(identity.lookUp(inviteBy(server), context))).toMatchObject({ failure: 'tls' });
      expect(server.requests).toEqual([]);
    },
  );

  it('must be of a known authority, whatever the environment says', async () => {
    const other = await PrivateCa.create();
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    onTestFinished(() => void vi.unstubAllEnvs());
    const server = await IdentityServer.start({ credentials: await other.issue('IP:127.0.0.2') });
    onTestFinished(() => server.close());
    const allowAddresses = ['127.0.0.2/32'];
    for (const identity of [await adapter(), identityServers({ servers: 'any', allowAddresses })]) {
      expect(await rejectionOf(identity.lookUp(inviteBy(server), context))).toMatchObject({ failure: 'tls' });
    }
    expect(server.requests).toEqual([]);
    const tls = { ca: [(await ca()).certificate, Buffer.from(other.certificate)] };
    const trusting = identityServers({ servers: 'any', allowAddresses, tls });
    expect(await trusting.lookUp(inviteBy(server), context)).toBeUndefined();
  });

  it.each<[SecureVersion, unknown]>([
    ['TLSv1.1', 'tls'],
    ['TLSv1.2', true],
    ['TLSv1.3', true],
  ])('is not read with a TLS that is too old: %s: %s', async (version, expected) => {
    const credentials = await (await ca()).issue('IP:127.0.0.2');
    const versions = { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' };
    const server = createTlsServer({ ...credentials, ...versions }, (socket) => {
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{"valid":true}');
    });
    server.on('tlsClientError', () => {});
    server.listen(0, '127.0.0.2');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const key = keyAt(`127.0.0.2:${(server.address() as AddressInfo).port}`);
    const result = (await adapter()).isKeyValid(key, context);
    expect(expected === true ? await result : (await rejectionOf(result)).failure).toBe(expected);
  });

  it('must come within five seconds', async () => {
    const { port } = await tcpServer(() => {});
    const identity = await adapter({ timeoutMs: 30_000 });
    const invite = { ...inviteBy((await withIdentityServer()).server), idServer: `127.0.0.2:${port}` };
    expect(await rejectionOf(identity.lookUp(invite, context))).toMatchObject({
      status: 502,
      failure: 'tls',
    });
  });
});

describe('connections', () => {
  it('stay open for the next request', async () => {
    const { server, identity, invite } = await withIdentityServer();
    let connections = 0;
    server.onConnection = () => {
      connections += 1;
    };
    await identity.lookUp(invite, context);
    await identity.lookUp(invite, context);
    await identity.storeInvite(invite, {}, context);
    expect([server.requests.length, connections]).toEqual([5, 1]);
  });

  it('that the server closes at the next request are replaced, unless the request must not be repeated', async () => {
    const { server, identity, invite } = await withIdentityServer();
    let connections = 0;
    server.onConnection = () => {
      connections += 1;
    };
    await identity.lookUp(invite, context);
    const cut = (times: number) => {
      let left = times;
      server.intercept = (_request, response) => {
        left -= 1;
        if (left < 0) return undefined;
        response.socket?.destroy();
        return 'handled';
      };
    };
    cut(1);
    expect(await identity.lookUp(invite, context)).toBeUndefined();
    expect([server.requests.length, connections]).toEqual([5, 2]);
    // A new connection that breaks is no idle one that was closed.
    cut(2);
    expect(await rejectionOf(identity.lookUp(invite, context))).toMatchObject({ failure: 'network' });
    expect(server.requests).toHaveLength(7);

    server.intercept = () => undefined;
    await identity.lookUp(invite, context);
    cut(1);
    expect(await rejectionOf(identity.storeInvite(invite, {}, context))).toMatchObject({
      failure: 'network',
      isNotSent: false,
    });
    expect(server.requests.filter(({ path }) => path === 'store-invite')).toHaveLength(1);
    expect(server.mail.mails).toEqual([]);
  });

  it('of a name are not used for another name at the same address', async () => {
    const { server, dns, identity, invite } = await withName('one.test', '127.0.0.2', 'DNS:one.test');
    dns.answer = (_name, type) => (type === 'A' ? ['127.0.0.2'] : []);
    expect(await identity.lookUp(invite, context)).toBeUndefined();
    const other = { ...invite, idServer: invite.idServer.replace('one', 'two') };
    expect(await rejectionOf(identity.lookUp(other, context))).toMatchObject({ failure: 'tls' });
    expect(server.requests).toHaveLength(2);
  });
});

/**
 * Starts a listener that lets SYNs of new connections unanswered: its process is stopped, and its queue is full.
 */
async function listenerWithoutRoom(host: string, port: number): Promise<void> {
  const program = `require('net').createServer().listen({ port: ${port}, host: '${host}', backlog: 1 }, () => console.log('listening'))`;
  const child = spawn(process.execPath, ['--eval', program]);
  const sockets: Socket[] = [];
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  await once(child.stdout, 'data');
  child.kill('SIGSTOP');
  for (let index = 0; index < 8; index += 1) {
    const socket = connectTcp({ host, port });
    socket.on('error', () => {});
    sockets.push(socket);
  }
  await once(sockets[0] as Socket, 'connect');
}

describe('an invite that cannot be sent', () => {
  it('says so if there is no connection', async () => {
    const { dns, identity, invite } = await withName('none.test', '127.0.0.2', 'DNS:none.test');
    const cases: [string, string, readonly string[] | 'NXDOMAIN'][] = [
      [invite.idServer, 'dns', 'NXDOMAIN'],
      [invite.idServer, 'address', ['10.0.0.1']],
      ['none.test:1', 'connect', ['127.0.0.2']],
    ];
    for (const [idServer, failure, answer] of cases) {
      dns.answer = () => answer;
      const refused = identity.storeInvite({ ...invite, idServer }, {}, context);
      expect(await rejectionOf(refused)).toMatchObject({ status: 502, failure, isNotSent: true });
    }
  });

  it('says so if the TLS handshake fails', async () => {
    const { server, identity, invite } = await withName('cert.test', '127.0.0.2', 'DNS:other.test');
    const refused = identity.storeInvite(invite, {}, context);
    expect(await rejectionOf(refused)).toMatchObject({ failure: 'tls', isNotSent: true });
    expect(server.requests).toEqual([]);
  });

  it('does not say so of a request that was sent, whatever became of it', async () => {
    const { server, identity, invite } = await withIdentityServer();
    server.intercept = (_request, response) => {
      response.socket?.destroy();
      return 'handled';
    };
    const broken = identity.storeInvite(invite, {}, context);
    expect(await rejectionOf(broken)).toMatchObject({ status: 502, failure: 'network', isNotSent: false });
    expect(server.requests).toHaveLength(1);
  });
});
