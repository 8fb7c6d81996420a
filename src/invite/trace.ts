export type { HostCall, InviteTrace } from '../ports/outcome.ts';
