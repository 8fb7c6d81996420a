/** What redaction keeps of a value: everything, or some keys of an object. */
export type Kept = true | { readonly [key: string]: Kept };

/**
 * What redaction keeps of an event. Every other key is removed.
 *
 * @see https://spec.matrix.org/v1.18/rooms/v1/#redactions
 */
export type RedactionRules = {
  /** Of the event itself, besides `content`. */
  readonly event: { readonly [key: string]: true };
  /** Of the content, by the event's type. A type that is not listed keeps an empty content. */
  readonly content: { readonly [type: string]: Kept };
};

/** Returns the keys as an object without a prototype: `constructor` is a key that an event can have. */
function keep<Each extends Kept>(entries: {
  readonly [key: string]: Each;
}): { readonly [key: string]: Each } {
  return Object.freeze(Object.assign(Object.create(null), entries));
}

const EVENT = {
  event_id: true,
  type: true,
  room_id: true,
  sender: true,
  state_key: true,
  hashes: true,
  signatures: true,
  depth: true,
  prev_events: true,
  auth_events: true,
  origin_server_ts: true,
} as const;

const POWER_LEVELS = {
  ban: true,
  events: true,
  events_default: true,
  kick: true,
  redact: true,
  state_default: true,
  users: true,
  users_default: true,
} as const;

/** Room versions 1 to 5. */
export const REDACTION_V1: RedactionRules = {
  event: keep({ ...EVENT, prev_state: true, origin: true, membership: true }),
  content: keep<Kept>({
    'm.room.member': keep({ membership: true }),
    'm.room.create': keep({ creator: true }),
    'm.room.join_rules': keep({ join_rule: true }),
    'm.room.power_levels': keep(POWER_LEVELS),
    'm.room.aliases': keep({ aliases: true }),
    'm.room.history_visibility': keep({ history_visibility: true }),
  }),
};

const { 'm.room.aliases': _aliases, ...withoutAliases } = REDACTION_V1.content;

/** Room versions 6 and 7. */
export const REDACTION_V6: RedactionRules = { ...REDACTION_V1, content: keep(withoutAliases) };

/** Room version 8. */
export const REDACTION_V8: RedactionRules = {
  ...REDACTION_V6,
  content: keep<Kept>({
    ...REDACTION_V6.content,
    'm.room.join_rules': keep({ join_rule: true, allow: true }),
  }),
};

/** Room versions 9 and 10. */
export const REDACTION_V9: RedactionRules = {
  ...REDACTION_V8,
  content: keep<Kept>({
    ...REDACTION_V8.content,
    'm.room.member': keep({ membership: true, join_authorised_via_users_server: true }),
  }),
};

/** Room versions 11 and 12. */
export const REDACTION_V11: RedactionRules = {
  event: keep(EVENT),
  content: keep<Kept>({
    ...REDACTION_V9.content,
    'm.room.member': keep<Kept>({
      membership: true,
      join_authorised_via_users_server: true,
      third_party_invite: keep({ signed: true }),
    }),
    'm.room.create': true,
    'm.room.power_levels': keep({ ...POWER_LEVELS, invite: true }),
    'm.room.redaction': keep({ redacts: true }),
  }),
};
