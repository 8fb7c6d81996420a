export type { Signer } from '../../src/ports/signer.ts';
export {
  createServerKeyRouter,
  type OldVerifyKey,
  type ServerKeyRouterOptions,
} from '../../src/server-key-router.ts';
