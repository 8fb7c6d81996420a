import * as driver from 'jose';
import { checkDriver } from '../../../src/internal/driver.ts';

export const jose: typeof driver = checkDriver('auth/jwt', 'jose', driver, [
  'createLocalJWKSet',
  'createRemoteJWKSet',
  'customFetch',
  'decodeJwt',
  'errors',
  'jwtVerify',
]);
