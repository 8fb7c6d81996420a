import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { installedCommand } from '../../servers/debian-package.ts';
import { eventually } from '../../servers/eventually.ts';
import { freePort, listenBriefly } from '../../servers/free-port.ts';
import { read, replaced } from './files.ts';
import { handOver, newFolder, Program } from './program.ts';

const run = promisify(execFile);

/** A proxy that runs with a file of the example. */
export type ProxyServer = {
  readonly port: number;
  /** What it has logged so far. */
  log(): Promise<string>;
  close(): Promise<void>;
};

export type ProxyName = 'nginx' | 'HAProxy';

/**
 * Starts a proxy in front of two processes, with TLS and a certificate of its own.
 *
 * @param upstreams the ports of the processes
 */
export async function startProxy(
  name: ProxyName,
  upstreams: readonly [number, number],
): Promise<ProxyServer> {
  const folder = await newFolder();
  const port = await freePort();
  await createCertificate(folder.path);
  const processes = {
    '127.0.0.1:8008': `127.0.0.1:${upstreams[0]}`,
    '127.0.0.1:8018': `127.0.0.1:${upstreams[1]}`,
  };
  const start = name === 'nginx' ? startNginx : startHaproxy;
  const { program, log } = await start(folder.path, port, processes);
  const proxy = {
    port,
    log,
    async close() {
      // A killed nginx would leave its worker running.
      await program.stop('SIGTERM');
      await folder.close();
    },
  };
  await eventually(`${name} listens`, async () => {
    if (program.hasEnded) throw new Error('it has ended');
    return await listenBriefly(port).then(
      () => false,
      () => true,
    );
  }).catch(async (error: Error) => {
    await proxy.close();
    throw new Error(`${error.message}\n${program.output}`);
  });
  return proxy;
}

type Started = { readonly program: Program; log(): Promise<string> };
type Replacements = Readonly<Record<string, string>>;

async function startNginx(folder: string, port: number, processes: Replacements): Promise<Started> {
  const binary = await installedCommand('nginx');
  const site = replaced(read('nginx.conf'), {
    ...processes,
    'listen 443': `listen 127.0.0.1:${port}`,
    '/etc/ssl/certs/matrix.example.org.pem': join(folder, 'certificate.pem'),
    '/etc/ssl/private/matrix.example.org.key': join(folder, 'key.pem'),
    '/var/log/nginx': folder,
  });
  await writeFile(join(folder, 'site.conf'), site);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  await writeFile(
    join(folder, 'nginx.conf'),
    `daemon off;
pid ${folder}/nginx.pid;
worker_processes 1;
events {}
http {
${temporary.map((each) => `${each}_temp_path ${folder}/${each};`).join('\n')}
include ${folder}/site.conf;
}
`,
  );
  await handOver(folder);
  const program = new Program(binary, ['-e', 'stderr', '-c', join(folder, 'nginx.conf')]);
  const logs = ['access', 'error'].map((each) => join(folder, `matrix-invite.${each}.log`));
  return {
    program,
    log: async () =>
      (await Promise.all(logs.map((path) => readFile(path, 'utf8')))).join('') + program.output,
  };
}

async function startHaproxy(folder: string, port: number, processes: Replacements): Promise<Started> {
  const binary = await installedCommand('haproxy');
  const sections = replaced(read('haproxy.cfg'), {
    ...processes,
    ':443': `127.0.0.1:${port}`,
    '/etc/haproxy/certs/matrix.example.org.pem': join(folder, 'both.pem'),
  });
  await writeFile(join(folder, 'haproxy.cfg'), sections);
  // The defaults of Debian's haproxy.cfg.
  await writeFile(
    join(folder, 'global.cfg'),
    `global
    log stdout format raw local0
defaults
    log global
    mode http
    option httplog
    option dontlognull
    timeout connect 5000
    timeout client 50000
    timeout server 50000
`,
  );
  await handOver(folder);
  const files = ['global.cfg', 'haproxy.cfg'].flatMap((each) => ['-f', join(folder, each)]);
  const program = new Program(binary, ['-db', ...files]);
  return { program, log: async () => program.output };
}

async function createCertificate(folder: string): Promise<void> {
  const openssl = await installedCommand('openssl');
  const [certificate, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')];
  const subject = ['-subj', '/CN=matrix.example.org', '-days', '2'];
  await run(openssl, [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...subject],
    ...['-out', certificate, '-keyout', key],
  ]);
  await writeFile(
    join(folder, 'both.pem'),
    (await readFile(certificate, 'utf8')) + (await readFile(key, 'utf8')),
  );
}
