import { Controller, Get, Inject, Param } from '@nestjs/common';
import type { RoomStore } from 'express-matrix-invite';

export const ROOM_STORE = Symbol('RoomStore');

/** The app's own routes. */
export class RoomsController {
  readonly #store: RoomStore;

  constructor(store: RoomStore) {
    this.#store = store;
  }

  async invitees(roomId: string): Promise<string[]> {
    const state = (await this.#store.roomState(roomId)) ?? [];
    return state.filter(({ content }) => content.membership === 'invite').map(({ state_key }) => state_key);
  }
}

// The same as the decorators `@Controller()`, `@Inject()`, `@Get()` and `@Param()`. They are called here as functions,
// because Nest's decorators need a compiler with `experimentalDecorators`.
Controller('rooms')(RoomsController);
Inject(ROOM_STORE)(RoomsController, undefined, 0);
const invitees = Object.getOwnPropertyDescriptor(RoomsController.prototype, 'invitees') ?? {};
Get(':roomId/invitees')(RoomsController.prototype, 'invitees', invitees);
Param('roomId')(RoomsController.prototype, 'invitees', 0);
