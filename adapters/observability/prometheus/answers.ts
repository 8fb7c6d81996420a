import { OTHER } from './label-values.ts';

/** What the endpoint answers by itself: the errcodes of each status. */
export const ANSWERS: Readonly<Record<number, readonly string[]>> = {
  200: [''],
  400: ['M_BAD_JSON', 'M_NOT_JSON', 'M_INVALID_PARAM', 'M_UNSUPPORTED_ROOM_VERSION', 'M_UNKNOWN_DEVICE'],
  401: ['M_MISSING_TOKEN', 'M_UNKNOWN_TOKEN', 'M_USER_LOCKED'],
  403: [
    'M_FORBIDDEN',
    'M_GUEST_ACCESS_FORBIDDEN',
    'M_USER_SUSPENDED',
    'M_INVITE_BLOCKED',
    'M_THREEPID_DENIED',
  ],
  405: ['M_UNRECOGNIZED'],
  408: ['M_UNKNOWN'],
  413: ['M_TOO_LARGE'],
  415: ['M_NOT_JSON'],
  429: ['M_LIMIT_EXCEEDED'],
  500: ['M_UNKNOWN'],
  503: ['M_UNKNOWN'],
};

const ERRCODES: ReadonlySet<string> = new Set(Object.values(ANSWERS).flat());

export const STATUS_CLASSES = ['2xx', '4xx', '5xx'] as const;

export function classOf(status: number): string {
  return `${Math.floor(status / 100)}xx`;
}

/**
 * The labels of an answer. Policies and adapters may answer any status and errcode: one of their own becomes its class,
 * which a PromQL pattern such as `status=~"4.."` still finds, and `other`.
 */
export function answerLabels(status: number, errcode = ''): { status: string; errcode: string } {
  return {
    status: Object.hasOwn(ANSWERS, status) ? String(status) : classOf(status),
    errcode: ERRCODES.has(errcode) ? errcode : OTHER,
  };
}
