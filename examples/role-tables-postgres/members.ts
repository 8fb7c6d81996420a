import type { Role, Status, Tx } from './database.ts';

/** Makes a room; its owner is in it. */
export async function addRoom(tx: Tx, room: string, owner: string, inviteRole: Role): Promise<void> {
  await tx.insertInto('rooms').values({ id: room, owner, invite_role: inviteRole }).execute();
  await setStatus(tx, room, owner, 'joined', owner);
  await setRole(tx, room, owner, 'owner');
}

/** Joins, invites, kicks and bans, whatever the status was. */
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

/** Who may invite: members with this role or a higher one. */
export async function setInviteRole(tx: Tx, room: string, role: Role): Promise<void> {
  await tx.updateTable('rooms').set({ invite_role: role }).where('id', '=', room).execute();
}
