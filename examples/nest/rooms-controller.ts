import { Controller, Get, Inject, Param } from '@nestjs/common';
import type { RoomStore } from 'express-matrix-invite';
import { inviteesOf } from '../quickstart/rooms.ts';

export const ROOM_STORE = Symbol('RoomStore');

/** Routes of the app's own. */
export class RoomsController {
  readonly #store: RoomStore;

  constructor(store: RoomStore) {
    this.#store = store;
  }

  invitees(roomId: string): Promise<string[]> {
    return inviteesOf(this.#store, roomId);
  }
}

// What `@Controller()`, `@Inject()`, `@Get()` and `@Param()` do: called by hand, since TypeScript's older decorators
// need a compiler that is set up for them.
Controller('rooms')(RoomsController);
Inject(ROOM_STORE)(RoomsController, undefined, 0);
const invitees = Object.getOwnPropertyDescriptor(RoomsController.prototype, 'invitees') ?? {};
Get(':roomId/invitees')(RoomsController.prototype, 'invitees', invitees);
Param('roomId')(RoomsController.prototype, 'invitees', 0);
