export type { RoomGraph } from '../../src/ports/room-graph.ts';
export type { ServerKeyStore, ServerKeys } from '../../src/ports/server-keys.ts';
export type { Signer } from '../../src/ports/signer.ts';
export {
  createServerKeyRouter,
  type MatrixRouter,
  type OldVerifyKey,
  type ServerKeyRouterOptions,
} from '../../src/server-key-router.ts';
export type { OutboundLimits } from '../shared/outbound/client.ts';
export { OutboundError, type OutboundFailure } from '../shared/outbound/error.ts';
export type { OutboundOptions } from '../shared/outbound/options.ts';
export type { FederationNetworkOptions } from './client/options.ts';
export type { DiscoveryPorts } from './discovery/discovery.ts';
export type { Notary } from './keys/fetch.ts';
export { matrixFederation } from './matrix.ts';
export type { MatrixFederationOptions, ServerGlobs } from './options.ts';
