import type { JsonValue, NewStateEvent, StateKey } from '../../../src/rooms/event.ts';
import { type ReferenceRoom, ReferenceStorage } from '../reference/storage.ts';

/** Lower-cases keys, as a case-insensitive collation does. */
export class CaseInsensitiveKeys extends ReferenceStorage {
  override keyText(key: StateKey): string {
    return super.keyText(key).toLowerCase();
  }
}

/** Normalises keys. */
export class NormalisesKeys extends ReferenceStorage {
  override keyText(key: StateKey): string {
    return super.keyText(key).normalize('NFC');
  }
}

/** Ends keys at their first NUL, as a C string does. */
export class CutsAtNul extends ReferenceStorage {
  override keyText({ type, state_key }: StateKey): string {
    return JSON.stringify([type.split('\0')[0], state_key.split('\0')[0]]);
  }
}

/** Pads texts, as SQL's CHAR does: trailing spaces do not count. */
export class IgnoresTrailingSpaces extends ReferenceStorage {
  override keyText({ type, state_key }: StateKey): string {
    return JSON.stringify([type.trimEnd(), state_key.trimEnd()]);
  }
}

/** Joins type and key with a character that both may hold. */
export class JoinsKeys extends ReferenceStorage {
  override keyText({ type, state_key }: StateKey): string {
    return `${type}|${state_key}`;
  }
}

/** Has a column of 200 characters. */
export class CutsLongKeys extends ReferenceStorage {
  override keyText({ type, state_key }: StateKey): string {
    return JSON.stringify([type.slice(0, 200), state_key.slice(0, 200)]);
  }
}

/** A store that spoils content on its way in. */
abstract class SpoilsContent extends ReferenceStorage {
  override store(room: ReferenceRoom, event: NewStateEvent): string {
    return super.store(room, {
      ...event,
      content: spoil(event.content, this.spoil.bind(this)) as typeof event.content,
    });
  }

  abstract spoil(value: JsonValue, depth: number): JsonValue | undefined;
}

function spoil(
  value: JsonValue,
  change: (value: JsonValue, depth: number) => JsonValue | undefined,
  depth = 0,
): JsonValue | undefined {
  const changed = change(value, depth);
  if (changed === undefined || changed === null || typeof changed !== 'object') return changed;
  if (Array.isArray(changed)) return changed.flatMap((member) => spoil(member, change, depth + 1) ?? []);
  const members = Object.entries(changed).map(([key, member]) => [key, spoil(member, change, depth + 1)]);
  return Object.fromEntries(members.filter(([, member]) => member !== undefined));
}

/** Keeps numbers with too few digits. */
export class LosesLargeIntegers extends SpoilsContent {
  spoil(value: JsonValue): JsonValue {
    return typeof value === 'number' ? Math.fround(value) : value;
  }
}

/** Keeps a few levels of content, and drops what is nested deeper. */
export class DropsNestedKeys extends SpoilsContent {
  spoil(value: JsonValue, depth: number): JsonValue | undefined {
    return depth > 3 ? undefined : value;
  }
}

/** Drops empty members. */
export class DropsEmptyMembers extends SpoilsContent {
  spoil(value: JsonValue, depth: number): JsonValue | undefined {
    const isEmpty = value !== null && typeof value === 'object' && Object.keys(value).length === 0;
    return isEmpty && depth > 0 ? undefined : value;
  }
}

/** Ends texts at their first NUL. */
export class CutsTextsAtNul extends SpoilsContent {
  spoil(value: JsonValue): JsonValue {
    return typeof value === 'string' ? String(value.split('\0')[0]) : value;
  }
}

/** Copies by assignment, which a key named `__proto__` does not survive. */
export class CopiesByAssignment extends ReferenceStorage {
  override copy<T>(value: T): T {
    if (value === null || typeof value !== 'object') return value;
    if (Array.isArray(value)) return value.map((member) => this.copy(member)) as T;
    const result: Record<string, unknown> = {};
    for (const [key, member] of Object.entries(value)) result[key] = this.copy(member);
    return result as T;
  }
}
