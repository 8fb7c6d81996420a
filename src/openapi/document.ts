/** The part of OpenAPI 3.1 that the description uses. Any OpenAPI tool can read the description. */
export type OpenApiDocument = {
  openapi: '3.1.0';
  info: { title: string; version: string; description: string };
  servers: { url: string; description: string }[];
  paths: { '/rooms/{roomId}/invite': { post: Operation } };
  components: {
    schemas: Record<string, Schema>;
    securitySchemes: Record<string, SecurityScheme>;
  };
};

type Operation = {
  operationId: string;
  summary: string;
  description: string;
  tags: string[];
  security: Record<string, string[]>[];
  parameters: Parameter[];
  requestBody: { required: boolean; content: JsonContent };
  responses: Record<string, ResponseDescription>;
};

type Parameter = {
  in: 'path';
  name: string;
  required: true;
  description: string;
  schema: Reference;
};

export type ResponseDescription = {
  description: string;
  /** The error codes that this package returns with the status. */
  'x-errcodes'?: string[];
  headers?: Record<string, HeaderDescription>;
  content: JsonContent;
};

export type HeaderDescription = { description: string; required: boolean; schema: Schema };

export type JsonContent = { 'application/json': { schema: Reference } };

/** Points into the same document, as in `#/components/schemas/Error`. */
export type Reference = { $ref: string };

type SecurityScheme =
  | { type: 'http'; scheme: 'bearer'; description: string }
  | { type: 'apiKey'; in: 'query'; name: string; description: string };

export type Schema = {
  type?: 'object' | 'array' | 'string' | 'integer' | 'boolean';
  title?: string;
  description?: string;
  examples?: unknown[];
  deprecated?: boolean;
  required?: string[];
  properties?: Record<string, Schema>;
  maxItems?: number;
  allOf?: (Schema | Reference)[];
  anyOf?: (Schema | Reference)[];
  pattern?: string;
  minimum?: number;
  /** `mx-user-id` and `mx-room-id` are Matrix's identifier grammars, at most 255 bytes of UTF-8. */
  format?: 'mx-user-id' | 'mx-room-id';
  /** The string has no lone surrogates: it can be encoded in UTF-8. */
  'x-well-formed'?: true;
  /** The version of the Matrix specification that added the field. */
  'x-addedInMatrixVersion'?: string;
};
