export type { Signer } from '../../src/ports/signer.ts';
export {
  createServerKeyRouter,
  type OldVerifyKey,
  type ServerKeyRouterOptions,
} from '../../src/server-key-router.ts';
export { matrixFederation } from './matrix.ts';
export type { MatrixFederationOptions, ServerGlobs } from './options.ts';
