import packageJson from '../../../package.json' with { type: 'json' };

/** What can be imported, as its users write it. */
export const specifiers: readonly string[] = Object.keys(packageJson.exports)
  .filter((subpath) => subpath !== './package.json')
  .map((subpath) => subpath.replace('.', packageJson.name));

/** The packages that an operator installs for the adapters that they use, and not otherwise; each as npm takes it. */
export const drivers: ReadonlyMap<string, string> = new Map(
  Object.entries(packageJson.peerDependencies)
    .filter(([name]) => name in packageJson.peerDependenciesMeta)
    .map(([name, range]) => [name, `${name}@${range}`]),
);

/** The drivers that are imported. All others are handed over by the operator, who has imported them. */
const importedDrivers: Readonly<Record<string, string>> = {
  'auth/oauth-introspection': 'oauth4webapi',
  'auth/jwt': 'jose',
  'auth/app-services': 're2js',
  'policies/content-rules': 'linkify-it',
  'observability/prometheus': 'prom-client',
  'observability/open-telemetry': '@opentelemetry/api',
};

/** The driver that a specifier imports. */
export function driverOf(specifier: string): string | undefined {
  return importedDrivers[specifier.slice(`${packageJson.name}/`.length)];
}
