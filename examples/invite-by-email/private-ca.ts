// Before @peculiar/x509, which needs it.
import 'reflect-metadata';
import { randomUUID, webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  type JsonGeneralName,
  PemConverter,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

/** A certificate and its private key, in PEM. */
export type Credentials = { readonly cert: string; readonly key: string };

const KEYS = { name: 'ECDSA', namedCurve: 'P-256' };
const SIGNATURE = { name: 'ECDSA', hash: 'SHA-256' };
const DAY_MS = 86_400_000;

/** A certificate authority that nobody else trusts. Its keys exist in memory only. */
export class PrivateCa {
  readonly #certificate: X509Certificate;
  readonly #signingKey: webcrypto.CryptoKey;
  readonly #issued = new Map<string, Promise<Credentials>>();

  private constructor(certificate: X509Certificate, signingKey: webcrypto.CryptoKey) {
    this.#certificate = certificate;
    this.#signingKey = signingKey;
  }

  static async create(): Promise<PrivateCa> {
    const keys = await newKeys();
    const certificate = await X509CertificateGenerator.createSelfSigned({
      // Of two with the same name, Node would look for the signature of the first only.
      name: `CN=Private CA ${randomUUID()}`,
      keys,
      signingAlgorithm: SIGNATURE,
      ...validity(),
      extensions: [new BasicConstraintsExtension(true, undefined, true)],
    });
    return new PrivateCa(certificate, keys.privateKey);
  }

  /** Its certificate, in PEM. */
  get certificate(): string {
    return this.#certificate.toString('pem');
  }

  /**
   * Returns a certificate for these names, always the same. A name is written as `DNS:id.example` or `IP:127.0.0.2`.
   */
  issue(...names: readonly string[]): Promise<Credentials> {
    const issued = this.#issued.get(names.join()) ?? this.#create(names);
    this.#issued.set(names.join(), issued);
    return issued;
  }

  async #create(names: readonly string[]): Promise<Credentials> {
    const { publicKey, privateKey } = await newKeys();
    const certificate = await X509CertificateGenerator.create({
      subject: 'CN=Server',
      issuer: this.#certificate.subject,
      publicKey,
      signingKey: this.#signingKey,
      signingAlgorithm: SIGNATURE,
      ...validity(),
      extensions: [new SubjectAlternativeNameExtension(names.map(generalName))],
    });
    const key = PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', privateKey), 'PRIVATE KEY');
    return { cert: certificate.toString('pem'), key };
  }
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(KEYS, true, ['sign', 'verify']);
}

function validity(): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(Date.now() - DAY_MS), notAfter: new Date(Date.now() + DAY_MS) };
}

function generalName(name: string): JsonGeneralName {
  const [type, value] = name.split(/:(.*)/s);
  return { type: type === 'IP' ? 'ip' : 'dns', value: value ?? '' };
}
