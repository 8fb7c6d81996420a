// The OAuth provider of the demo: oidc-provider, a process of its own, which keeps everything in memory. Its settings
// come on stdin, since parameters can be seen by everybody.
import { json } from 'node:stream/consumers';
import Provider, { type ClientMetadata, type Configuration } from 'oidc-provider';
import {
  type Credentials,
  DEMO_DEVICE,
  DEMO_GRANT,
  MATRIX_API,
  type ProviderSettings,
} from './oauth-settings.ts';

const DAY_SECONDS = 86_400;
const SCOPE = `${MATRIX_API} ${DEMO_DEVICE}`;

const { port, inviteServer, demo } = (await json(process.stdin)) as ProviderSettings;

const configuration: Configuration = {
  scopes: SCOPE.split(' '),
  clients: [client(inviteServer, []), client(demo, [DEMO_GRANT])],
  features: {
    devInteractions: { enabled: false },
    introspection: {
      enabled: true,
      allowedPolicy: (_context, { clientId }) => clientId === inviteServer.clientId,
    },
  },
  // As Matrix Authentication Service does: the localpart is in `username`.
  extraTokenClaims: (_context, token) => ('accountId' in token ? { username: token.accountId } : {}),
  findAccount: (_context, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  ttl: { AccessToken: DAY_SECONDS, Grant: DAY_SECONDS },
};

const provider = new Provider(`http://127.0.0.1:${port}`, configuration);
provider.registerGrantType<{ username: string }>(
  DEMO_GRANT,
  async (context) => {
    const { client, params } = context.oidc;
    const user = { accountId: String(params.username), clientId: client.clientId };
    const grant = new provider.Grant(user);
    grant.addOIDCScope(SCOPE);
    const grantId = await grant.save();
    const token = new provider.AccessToken({ ...user, client, grantId, gty: DEMO_GRANT, scope: SCOPE });
    context.body = { access_token: await token.save(), token_type: 'Bearer', scope: SCOPE };
  },
  ['username'],
);
provider.listen(port, '127.0.0.1');

function client({ clientId, clientSecret }: Credentials, grantTypes: string[]): ClientMetadata {
  return {
    client_id: clientId,
    client_secret: clientSecret,
    grant_types: grantTypes,
    redirect_uris: [],
    response_types: [],
  };
}
