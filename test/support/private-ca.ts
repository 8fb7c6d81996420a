import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { installedCommand } from '../../servers/debian-package.ts';

const run = promisify(execFile);

/** A certificate and its private key, in PEM. */
export type Credentials = { readonly cert: string; readonly key: string };

/** A certificate authority of a test's own. */
export class PrivateCa {
  readonly #folder: string;
  readonly #issued = new Map<string, Promise<Credentials>>();
  /** The certificate of the authority, in PEM. */
  readonly certificate: string;

  private constructor(folder: string, certificate: string) {
    this.#folder = folder;
    this.certificate = certificate;
  }

  static async create(): Promise<PrivateCa> {
    const folder = await mkdtemp(join(tmpdir(), 'invite-test-ca-'));
    const { cert } = await create(folder, 'ca', ['-subj', '/CN=Test CA']);
    return new PrivateCa(folder, cert);
  }

  /**
   * Returns a certificate for these names, always the same. A name is written as `DNS:id.example` or `IP:127.0.0.2`.
   */
  issue(...names: readonly string[]): Promise<Credentials> {
    const altNames = names.join(',');
    const issued = this.#issued.get(altNames) ?? this.#create(altNames, `server-${this.#issued.size}`);
    this.#issued.set(altNames, issued);
    return issued;
  }

  #create(altNames: string, fileName: string): Promise<Credentials> {
    return create(this.#folder, fileName, [
      ...['-CA', join(this.#folder, 'ca.cert'), '-CAkey', join(this.#folder, 'ca.key')],
      ...['-subj', '/CN=Test server', '-addext', 'basicConstraints=critical,CA:FALSE'],
      ...['-addext', `subjectAltName=${altNames}`],
    ]);
  }

  close(): Promise<void> {
    return rm(this.#folder, { recursive: true });
  }
}

async function create(folder: string, name: string, options: readonly string[]): Promise<Credentials> {
  const [cert, key] = ['cert', 'key'].map((ending) => join(folder, `${name}.${ending}`)) as [string, string];
  await run(await installedCommand('openssl'), [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...['-out', cert, '-keyout', key, ...options],
  ]);
  return { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') };
}
