import type { JsonObject, StateEvent, StrippedStateEvent } from '../../../src/rooms/event.ts';

/** A stored event without its content. */
export type StoredFields = Readonly<Omit<StateEvent, 'content'>>;

/**
 * A stored event. Its content stays JSON text until somebody asks, since comparing by event id needs none of it,
 * and every reader gets an object of their own.
 */
export class StoredEvent implements StrippedStateEvent {
  readonly type: string;
  readonly state_key: string;
  readonly sender: string;
  readonly event_id: string;
  readonly #fields: StoredFields;
  readonly #contentText: string;

  constructor(fields: StoredFields, contentText: string) {
    this.type = fields.type;
    this.state_key = fields.state_key;
    this.sender = fields.sender;
    this.event_id = fields.event_id;
    this.#fields = fields;
    this.#contentText = contentText;
  }

  get content(): JsonObject {
    return JSON.parse(this.#contentText) as JsonObject;
  }

  /** A copy of what decisions need. */
  toStripped(): StrippedStateEvent {
    const { type, state_key, sender, event_id, content } = this;
    return { type, state_key, sender, content, event_id };
  }

  /** A copy of the whole event. */
  toStateEvent(): StateEvent {
    return { ...this.#fields, content: this.content };
  }
}
