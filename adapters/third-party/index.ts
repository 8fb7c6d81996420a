export {
  createThirdPartyInviteRouter,
  type ThirdPartyInviteRouterOptions,
} from '../../src/third-party-invite-router.ts';
