export {
  createThirdPartyInviteRouter,
  type ThirdPartyInviteRouterOptions,
} from '../../src/third-party-invite-router.ts';
export { OutboundError, type OutboundFailure } from '../shared/outbound/error.ts';
export type { OutboundOptions } from '../shared/outbound/options.ts';
export { identityServers } from './identity-servers.ts';
export type { IdentityServersOptions } from './options.ts';
