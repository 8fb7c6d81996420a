import type { HostCall, RequestOutcome } from '../../../src/ports/outcome.ts';
import type { RateLimitScope } from '../../../src/ports/rate-limit.ts';
import type { InviteRefusalReason } from '../../../src/rooms/invite-rule.ts';

/** The label value for everything that is not known in advance. */
const OTHER = 'other';

/** The responses of the endpoint itself: the errcodes of each status. */
export const ERRCODES_BY_STATUS: Readonly<Record<number, readonly string[]>> = {
  200: [''],
  400: [
    'M_BAD_JSON',
    'M_NOT_JSON',
    'M_INVALID_PARAM',
    'M_UNSUPPORTED_ROOM_VERSION',
    'M_UNKNOWN_DEVICE',
    'M_THREEPID_IN_USE',
  ],
  401: ['M_MISSING_TOKEN', 'M_UNKNOWN_TOKEN', 'M_USER_LOCKED'],
  403: [
    'M_FORBIDDEN',
    'M_GUEST_ACCESS_FORBIDDEN',
    'M_USER_SUSPENDED',
    'M_INVITE_BLOCKED',
    'M_THREEPID_DENIED',
    'M_THREEPID_MEDIUM_NOT_SUPPORTED',
    'M_SERVER_NOT_TRUSTED',
    'M_UNAUTHORIZED',
    'M_TERMS_NOT_SIGNED',
  ],
  405: ['M_UNRECOGNIZED'],
  408: ['M_UNKNOWN'],
  413: ['M_TOO_LARGE'],
  415: ['M_NOT_JSON'],
  429: ['M_LIMIT_EXCEEDED'],
  500: ['M_UNKNOWN'],
  502: ['M_UNKNOWN'],
  503: ['M_UNKNOWN'],
  504: ['M_UNKNOWN'],
};

export const STATUS_CLASSES = ['2xx', '4xx', '5xx'] as const;

export const OUTCOMES = keysOf<NonNullable<RequestOutcome['outcome']>>({
  invited: true,
  alreadyInvited: true,
  dropped: true,
  storedForAddress: true,
});

export const SCOPES = keysOf<RateLimitScope>({ attempt: true, inviter: true, room: true, invitee: true });

export const REASONS = keysOf<InviteRefusalReason>({
  roomUnknownOrInviterNotJoined: true,
  roomVersionUnknown: true,
  unfederatable: true,
  inviteeBanned: true,
  inviteeJoined: true,
  insufficientPower: true,
  powerLevelUnreadable: true,
});

export const CALLS = keysOf<HostCall>({
  authenticate: true,
  consume: true,
  peek: true,
  readState: true,
  appendEvent: true,
  exists: true,
  getProfile: true,
  getAccountData: true,
  decide: true,
  beforeAppend: true,
  claimAddress: true,
  settleAddress: true,
  releaseAddress: true,
  forgetAddress: true,
  lookUp: true,
  storeInvite: true,
  isKeyValid: true,
  remote: true,
  abandon: true,
  unfinished: true,
});

export const ANSWERS = ['2xx', '3xx', '4xx', '5xx', 'none'] as const;

export const errcodeLabel = labelOf(Object.values(ERRCODES_BY_STATUS).flat());
/** The scope comes from the host app's rate limit adapter, whose types may be unchecked. */
export const scopeLabel = labelOf(SCOPES);
export const reasonLabel = labelOf(REASONS);
export const callLabel = labelOf(CALLS);

/**
 * Returns the label of a status. Policies and adapters can return any status: one that the endpoint itself
 * never returns becomes its class, which PromQL patterns such as `status=~"4.."` still match.
 */
export function statusLabel(status: number): string {
  return Object.hasOwn(ERRCODES_BY_STATUS, status) ? String(status) : statusClassLabel(status);
}

export function statusClassLabel(status: number): string {
  return `${Math.floor(status / 100)}xx`;
}

/**
 * Returns the label of another server's answer, or undefined if no other server was asked. Its name is no label: anybody
 * can choose one.
 */
export function answerLabel({
  remoteServer,
  remoteStatus,
}: Pick<RequestOutcome, 'remoteServer' | 'remoteStatus'>): string | undefined {
  if (remoteStatus === undefined) return remoteServer === undefined ? undefined : 'none';
  const label = statusClassLabel(remoteStatus);
  return ANSWERS.find((each) => each === label) ?? OTHER;
}

/** Keeps the first names, up to a maximum. Every later name becomes `other`. */
export class FirstNames {
  readonly #max: number;
  readonly #names = new Set<string>();

  constructor(max: number) {
    this.#max = max;
  }

  label(name: string): string {
    if (this.#names.size < this.#max) this.#names.add(name);
    return this.#names.has(name) ? name : OTHER;
  }
}

/** Returns all values of a union: the compiler rejects a table that lacks one. */
function keysOf<Value extends string>(table: Readonly<Record<Value, true>>): readonly Value[] {
  return Object.keys(table) as Value[];
}

/** Returns a function that turns every value but the known ones into `other`. */
function labelOf(values: readonly string[]): (value: string) => string {
  const known = new Set(values);
  return (value) => (known.has(value) ? value : OTHER);
}
