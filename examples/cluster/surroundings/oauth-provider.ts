// The demo's OAuth provider: oidc-provider in a separate process. It keeps everything in memory. It reads its
// configuration from stdin, because every user of this machine can see arguments.
import { json } from 'node:stream/consumers';
import Provider, { type ClientMetadata, type Configuration } from 'oidc-provider';
import type { ProviderConfig } from './oauth.ts';

const DAY_SECONDS = 86_400;
/** The scope of a Matrix client (client-server API, "Scope"). */
const SCOPE = 'urn:matrix:client:api:* urn:matrix:client:device:DEMODEVICE';

const { port, inviteServer, demo, demoGrant } = (await json(process.stdin)) as ProviderConfig;

const configuration: Configuration = {
  scopes: SCOPE.split(' '),
  clients: [client(inviteServer, []), client(demo, [demoGrant])],
  features: {
    devInteractions: { enabled: false },
    introspection: {
      enabled: true,
      allowedPolicy: (_context, { clientId }) => clientId === inviteServer.clientId,
    },
  },
  // `username` contains the localpart, as in Matrix Authentication Service.
  extraTokenClaims: (_context, token) => ('accountId' in token ? { username: token.accountId } : {}),
  findAccount: (_context, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  ttl: { AccessToken: DAY_SECONDS, Grant: DAY_SECONDS },
};

const provider = new Provider(`http://127.0.0.1:${port}`, configuration);
provider.registerGrantType<{ username: string }>(
  demoGrant,
  async (context) => {
    const { client, params } = context.oidc;
    const user = { accountId: String(params.username), clientId: client.clientId };
    const grant = new provider.Grant(user);
    grant.addOIDCScope(SCOPE);
    const grantId = await grant.save();
    const token = new provider.AccessToken({ ...user, client, grantId, gty: demoGrant, scope: SCOPE });
    context.body = { access_token: await token.save(), token_type: 'Bearer', scope: SCOPE };
  },
  ['username'],
);
provider.listen(port, '127.0.0.1');

function client({ clientId, clientSecret }: ProviderConfig['demo'], grantTypes: string[]): ClientMetadata {
  return {
    client_id: clientId,
    client_secret: clientSecret,
    grant_types: grantTypes,
    redirect_uris: [],
    response_types: [],
  };
}
