import * as driver from 'oauth4webapi';
import { checkDriver } from '../../../src/internal/driver.ts';

export const oauth: typeof driver = checkDriver('auth/oauth-introspection', 'oauth4webapi', driver, [
  'allowInsecureRequests',
  'ClientSecretBasic',
  'ClientSecretPost',
  'customFetch',
  'discoveryRequest',
  'introspectionRequest',
  'processDiscoveryResponse',
  'processIntrospectionResponse',
  'ResponseBodyError',
]);
