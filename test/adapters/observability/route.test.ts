import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const APP = fileURLToPath(new URL('./instrumented-app.ts', import.meta.url));

/** Sends requests to an app in a process that OpenTelemetry instruments. Returns a record of each. */
async function recordsOf(
  requests: readonly (readonly [string, string])[],
  ignoredLayers = '',
): Promise<unknown[]> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', APP, JSON.stringify(requests)],
    { env: { ...process.env, IGNORED_LAYERS: ignoredLayers } },
  );
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

const INVITE = '/rooms/:roomId/invite';

const recordOf = (method: string, mount: string, path: string) => [
  `${method} ${mount}${path}`,
  `${mount}${path}`,
  path,
];

it('OpenTelemetry records the whole route, as for an Express route next to it', async () => {
  const records = await recordsOf([
    ['POST', '/_matrix/client/v3/rooms/!a:b/leave'],
    ['POST', '/_matrix/client/v3/rooms/!a:b/invite'],
    ['PUT', '/_matrix/client/v3/rooms/%zz/invite?x=y'],
    ['POST', '/tenants/cats/v3/rooms/!a:b/invite'],
    ['POST', '/nested/v3/rooms/!a:b/invite'],
    ['GET', '/admin/rooms/!a:b/invite/check'],
  ]);
  expect(records).toEqual([
    recordOf('POST', '/_matrix/client/v3', '/rooms/:roomId/leave'),
    recordOf('POST', '/_matrix/client/v3', INVITE),
    recordOf('PUT', '/_matrix/client/v3', INVITE),
    recordOf('POST', '/tenants/:tenant/v3', INVITE),
    recordOf('POST', '/nested/v3', INVITE),
    recordOf('GET', '/admin', `${INVITE}/check`),
  ]);
});

it.each(['middleware', 'router', 'middleware,router,request_handler'])(
  'OpenTelemetry records the whole route even if it makes no spans for these layers: %s',
  async (ignoredLayers) => {
    const records = await recordsOf([['POST', '/_matrix/client/v3/rooms/!a:b/invite']], ignoredLayers);
    expect(records).toEqual([recordOf('POST', '/_matrix/client/v3', INVITE)]);
  },
);
