// Before @peculiar/x509, which needs it.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { PemConverter, SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509';
import { decode, encode } from 'dns-packet';

const KEYS = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;
/** The flag of a response from a server that asks other servers. */
const RECURSION_AVAILABLE = 0x80;

/** A private network: DNS that resolves the names to 127.0.0.1, and a certificate that nobody else trusts. */
export class Network {
  /** The certificate of all servers, and its private key, in PEM. */
  readonly credentials: { readonly cert: string; readonly key: string };
  readonly #dns: Socket;

  private constructor(dns: Socket, credentials: { readonly cert: string; readonly key: string }) {
    this.#dns = dns;
    this.credentials = credentials;
  }

  /** @param names the names of the servers */
  static async start(names: readonly string[]): Promise<Network> {
    const dns = createSocket('udp4');
    dns.on('message', (message, { port, address }) => {
      const { id, questions = [] } = decode(message);
      const answers = questions
        .filter(({ name, type }) => type === 'A' && names.includes(name))
        .map(({ name }) => ({ type: 'A', name, ttl: 0, data: '127.0.0.1' }) as const);
      dns.send(
        encode({ type: 'response', id: id ?? 0, flags: RECURSION_AVAILABLE, questions, answers }),
        port,
        address,
      );
    });
    dns.bind(0, '127.0.0.1');
    await once(dns, 'listening');
    return new Network(dns, await createCertificate(names));
  }

  /** The options of `matrixFederation` that reach these servers. */
  get options() {
    return {
      allowAddresses: ['127.0.0.1/32'],
      dns: { servers: [`127.0.0.1:${this.#dns.address().port}`] },
      tls: { ca: this.credentials.cert },
    };
  }

  async close(): Promise<void> {
    this.#dns.close();
    await once(this.#dns, 'close');
  }
}

async function createCertificate(names: readonly string[]): Promise<{ cert: string; key: string }> {
  const keys = await webcrypto.subtle.generateKey(KEYS, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=Servers',
    keys,
    signingAlgorithm: KEYS,
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + DAY_MS),
    extensions: [new SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns', value })))],
  });
  const key = PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');
  return { cert: certificate.toString('pem'), key };
}
