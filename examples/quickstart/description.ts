import { createRequire } from 'node:module';
import { inviteDescription } from 'express-matrix-invite/openapi';
import { BOB, LOBBY } from './rooms.ts';

const INVITE = '/rooms/{roomId}/invite';
const JSON_TYPE = 'application/json';
const { version } = createRequire(import.meta.url)('express-matrix-invite/package.json');

/**
 * Returns the package's OpenAPI description with the package's version, and with a room and a user of the demo as
 * examples. The server URL is relative, so it works with any host name.
 */
export function demoDescription() {
  const { post } = inviteDescription.paths[INVITE];
  const { requestBody, parameters } = post;
  const body = { ...requestBody.content[JSON_TYPE], example: { user_id: BOB, reason: 'Tea at five' } };
  return {
    ...inviteDescription,
    info: { ...inviteDescription.info, version: String(version) },
    servers: [{ url: '/_matrix/client/v3', description: 'This demo.' }],
    paths: {
      [INVITE]: {
        post: {
          ...post,
          parameters: parameters.map((parameter) => ({ ...parameter, example: LOBBY })),
          requestBody: { ...requestBody, content: { [JSON_TYPE]: body } },
        },
      },
    },
  };
}
