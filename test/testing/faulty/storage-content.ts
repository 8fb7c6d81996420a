import type { JsonValue, NewStateEvent, StateKey } from '../../../src/rooms/event.ts';
import { type ReferenceRoom, ReferenceStorage } from '../reference/storage.ts';

/** Converts keys to lower case, as a case-insensitive collation does. */
export class CaseInsensitiveKeys extends ReferenceStorage {
  override keyText(key: StateKey): string {
    return super.keyText(key).toLowerCase();
  }
}

/** Normalizes keys. */
export class NormalizesKeys extends ReferenceStorage {
  override keyText(key: StateKey): string {
    return super.keyText(key).normalize('NFC');
  }
}

/** Cuts keys at their first NUL, as a C string does. */
export class CutsAtNul extends ReferenceStorage {
  override keyText({ type, state_key }: StateKey): string {
    return JSON.stringify([type.split('\0')[0], state_key.split('\0')[0]]);
  }
}

/** Ignores trailing spaces, as SQL's CHAR does. */
export class IgnoresTrailingSpaces extends ReferenceStorage {
  override keyText({ type, state_key }: StateKey): string {
    return JSON.stringify([type.trimEnd(), state_key.trimEnd()]);
  }
}

/** Joins type and state key with a character that both may contain. */
export class JoinsKeys extends ReferenceStorage {
  override keyText({ type, state_key }: StateKey): string {
    return `${type}|${state_key}`;
  }
}

/** Stores keys in a column of 200 characters. */
export class CutsLongKeys extends ReferenceStorage {
  override keyText({ type, state_key }: StateKey): string {
    return JSON.stringify([type.slice(0, 200), state_key.slice(0, 200)]);
  }
}

/** Changes content before it stores it. */
abstract class ChangesContent extends ReferenceStorage {
  override store(room: ReferenceRoom, event: NewStateEvent): string {
    return super.store(room, {
      ...event,
      content: changeDeep(event.content, this.change.bind(this)) as typeof event.content,
    });
  }

  abstract change(value: JsonValue, depth: number): JsonValue | undefined;
}

function changeDeep(
  value: JsonValue,
  change: (value: JsonValue, depth: number) => JsonValue | undefined,
  depth = 0,
): JsonValue | undefined {
  const changed = change(value, depth);
  if (changed === undefined || changed === null || typeof changed !== 'object') return changed;
  if (Array.isArray(changed)) return changed.flatMap((member) => changeDeep(member, change, depth + 1) ?? []);
  const members = Object.entries(changed).map(([key, member]) => [
    key,
    changeDeep(member, change, depth + 1),
  ]);
  return Object.fromEntries(members.filter(([, member]) => member !== undefined));
}

/** Stores numbers with too few digits. */
export class LosesLargeIntegers extends ChangesContent {
  change(value: JsonValue): JsonValue {
    return typeof value === 'number' ? Math.fround(value) : value;
  }
}

/** Drops content below a few levels. */
export class DropsNestedKeys extends ChangesContent {
  change(value: JsonValue, depth: number): JsonValue | undefined {
    return depth > 3 ? undefined : value;
  }
}

/** Drops empty objects and arrays. */
export class DropsEmptyMembers extends ChangesContent {
  change(value: JsonValue, depth: number): JsonValue | undefined {
    const isEmpty = value !== null && typeof value === 'object' && Object.keys(value).length === 0;
    return isEmpty && depth > 0 ? undefined : value;
  }
}

/** Cuts strings at their first NUL. */
export class CutsStringsAtNul extends ChangesContent {
  change(value: JsonValue): JsonValue {
    return typeof value === 'string' ? String(value.split('\0')[0]) : value;
  }
}

/** Copies by assignment, which loses a key named `__proto__`. */
export class CopiesByAssignment extends ReferenceStorage {
  override copy<T>(value: T): T {
    if (value === null || typeof value !== 'object') return value;
    if (Array.isArray(value)) return value.map((member) => this.copy(member)) as T;
    const result: Record<string, unknown> = {};
    for (const [key, member] of Object.entries(value)) result[key] = this.copy(member);
    return result as T;
  }
}
