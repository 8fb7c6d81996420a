import type { OpenApiDocument } from './document.ts';
import { responses } from './responses.ts';
import { schemas } from './schemas.ts';

/**
 * The endpoint as an OpenAPI 3.1 document: plain data, to serve, to merge into another description or to generate clients
 * from. Requests are validated against these same schemas.
 *
 * `x-errcodes` lists the error codes that this package returns with a status; a host's policies and its store may return
 * others.
 */
export const inviteDescription: OpenApiDocument = {
  openapi: '3.1.0',
  info: {
    title: 'Matrix room invites',
    version: '1.0.0',
    description:
      'One endpoint of the Matrix Client-Server API. `x-errcodes` lists, for each status, the error codes that ' +
      "the endpoint itself returns; the server's own policies and its store may return other codes and other " +
      'statuses, with a body of the same form.',
  },
  servers: [{ url: '/_matrix/client/v3', description: 'Where Matrix clients expect it.' }],
  paths: {
    '/rooms/{roomId}/invite': {
      post: {
        operationId: 'inviteUser',
        summary: 'Invite a user into a room.',
        description:
          'Asks a user to join. They are not a member until they do. Only members of a room can invite, and only ' +
          'with the power level that the room requires.',
        tags: ['Room membership'],
        security: [{ accessTokenBearer: [] }, { accessTokenQuery: [] }],
        parameters: [
          {
            in: 'path',
            name: 'roomId',
            required: true,
            description: 'The room ID. Aliases are not accepted.',
            schema: { $ref: '#/components/schemas/RoomId' },
          },
        ],
        requestBody: {
          required: true,
          content: { 'application/json': { schema: { $ref: '#/components/schemas/Invite' } } },
        },
        responses,
      },
    },
  },
  components: {
    schemas,
    securitySchemes: {
      accessTokenBearer: {
        type: 'http',
        scheme: 'bearer',
        description: "The user's access token, or an application service's, in the `Authorization` header.",
      },
      accessTokenQuery: {
        type: 'apiKey',
        in: 'query',
        name: 'access_token',
        description:
          'The same token in the URL, where logs and proxies see it: for old clients. A server may disable it, ' +
          'and rejects requests that use both.',
      },
    },
  },
};
