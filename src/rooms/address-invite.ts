import { obfuscated } from './address.ts';
import { foldCase } from './case-folding.ts';

const TOKEN = /^[0-9a-zA-Z.=_-]{1,255}$/;
export const MAX_DISPLAY_NAME_LENGTH = 255;
export const MAX_KEYS = 10;

/** With {@link MAX_KEYS} of them, an event is smaller than 64 KiB. */
const KEY_VALIDITY_URL = /^https:\/\/[!-~]{1,2040}$/;

/** Returns true for a token that can be a state key. */
export function isToken(value: unknown): value is string {
  return typeof value === 'string' && TOKEN.test(value);
}

/** Returns true for a name of at most {@link MAX_DISPLAY_NAME_LENGTH} code points. */
export function isDisplayName(value: unknown): value is string {
  return typeof value === 'string' && [...value].length <= MAX_DISPLAY_NAME_LENGTH;
}

/** Returns true for a `key_validity_url` that a new event may have. */
export function isStorableUrl(value: unknown): value is string {
  return typeof value === 'string' && KEY_VALIDITY_URL.test(value) && URL.canParse(value);
}

/** Returns a display name for the room, whose members must not see the address: without it, if the name contains it. */
export function withoutAddress(displayName: string, address: string): string {
  const showsAddress = address.includes('@')
    ? foldCase(displayName).includes(address)
    : displayName.replace(/[^0-9]/g, '').includes(address);
  return showsAddress ? obfuscated(address) : displayName;
}
