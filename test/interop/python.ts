import { fileURLToPath } from 'node:url';
import manifest from '../../package.json' with { type: 'json' };
import { pythonEnvironment } from '../../servers/python-environment.ts';

const SYDENT_VERSION = '2.6.1';
export const SYNAPSE_VERSION = '1.163.2';

const SYNAPSE = [`matrix-synapse==${SYNAPSE_VERSION}`];
/** sydent imports prometheus-client, but does not require it. Newer versions of the others may stop working with it. */
const SYDENT = [
  `matrix-sydent==${SYDENT_VERSION}`,
  'prometheus-client==0.26.0',
  'twisted==26.10.0',
  'attrs==26.1.0',
  'pyopenssl==26.4.0',
  'cryptography==50.0.2',
  'service-identity==26.1.0',
  'pynacl==1.6.2',
  'matrix-common==1.3.0',
  'canonicaljson==2.0.0',
  'jinja2==3.1.6',
];

/** Returns the path of a Python that has sydent. */
export function pythonWithSydent(): Promise<string> {
  return pythonEnvironment(cacheFolder(`sydent-${SYDENT_VERSION}`), SYDENT);
}

/** Returns the path of a Python that has Synapse, `signedjson` and `canonicaljson`. */
export function pythonWithSynapse(): Promise<string> {
  return pythonEnvironment(cacheFolder(`synapse-${SYNAPSE_VERSION}`), SYNAPSE);
}

function cacheFolder(name: string): string {
  return fileURLToPath(new URL(`../../node_modules/.cache/${manifest.name}-${name}`, import.meta.url));
}
