import type { IntrospectionClaims } from './claims.ts';

/** What a token's scope allows: the API, as a user or as a guest, for one device. */
export type MatrixAccess = { readonly isGuest: boolean; readonly deviceId?: string };

// The second form is that of MSC2967, from before Matrix 1.15: clients and providers still send it.
const PREFIXES = ['urn:matrix:client:', 'urn:matrix:org.matrix.msc2967.client:'];

const MAX_DEVICE_ID_LENGTH = 255;

/**
 * Reads a token's scope (client-server API, "Scope").
 *
 * @returns undefined when the token is not one for the client-server API, or is for several devices
 */
export function matrixAccessOf({ scope = '', device_id }: IntrospectionClaims): MatrixAccess | undefined {
  const granted = new Set(scope.split(' ').flatMap(withoutPrefix));
  const isUser = granted.has('api:*');
  if (!isUser && !granted.has('api:guest')) return undefined;
  const devices = device_id === undefined ? [...granted].flatMap(deviceOf) : [device_id];
  if (devices.length > 1 || !devices.every(isDeviceId)) return undefined;
  const [deviceId] = devices;
  return { isGuest: !isUser, ...(deviceId !== undefined && { deviceId }) };
}

/** In both forms at once, a scope counts as one. */
function withoutPrefix(scope: string): string[] {
  return PREFIXES.flatMap((prefix) => (scope.startsWith(prefix) ? scope.slice(prefix.length) : []));
}

function deviceOf(scope: string): string[] {
  return scope.startsWith('device:') ? [scope.slice('device:'.length)] : [];
}

function isDeviceId(text: string): boolean {
  return text !== '' && text.length <= MAX_DEVICE_ID_LENGTH;
}
