import type { Role, Status, Tx } from './database.ts';

/** Creates a room with its owner as the first member. */
export async function addRoom(tx: Tx, room: string, owner: string, inviteRole: Role): Promise<void> {
  await tx.insertInto('rooms').values({ id: room, owner, invite_role: inviteRole }).execute();
  await setStatus(tx, room, owner, 'joined', owner);
  await setRole(tx, room, owner, 'owner');
}

/** Stores a join, invite, kick or ban without any checks. */
export async function setStatus(
  tx: Tx,
  room: string,
  user: string,
  status: Status,
  changedBy: string,
  invite: string | null = null,
): Promise<void> {
  const change = { status, changed_by: changedBy, invite };
  await tx
    .insertInto('members')
    .values({ room, user, role: 'member', ...change })
    .onConflict((conflict) => conflict.columns(['room', 'user']).doUpdateSet(change))
    .execute();
}

export async function setRole(tx: Tx, room: string, user: string, role: Role): Promise<void> {
  await tx.updateTable('members').set({ role }).where('room', '=', room).where('user', '=', user).execute();
}

/** Sets the lowest role that may invite. */
export async function setInviteRole(tx: Tx, room: string, role: Role): Promise<void> {
  await tx.updateTable('rooms').set({ invite_role: role }).where('id', '=', room).execute();
}
