import type { Transaction } from './database.ts';
import { HttpError } from './http-error.ts';
import { userExists } from './users.ts';

/** A member's role in a room: owners assign roles, moderators ban. */
export type Role = 'member' | 'moderator' | 'owner';
export type Status = 'joined' | 'invited' | 'left' | 'banned';

export type Room = { readonly slug: string; readonly owner: string; readonly invite_role: Role };
export type Member = {
  readonly user: string;
  readonly role: Role;
  readonly status: Status;
  readonly changed_by: string;
  /** The whole content of an invite as JSON, so that it can be read back unchanged. */
  readonly invite: string | null;
};

export function roomOf(tx: Transaction, slug: string): Room | undefined {
  return tx.prepare('SELECT slug, owner, invite_role FROM rooms WHERE slug = ?').get(slug) as
    | Room
    | undefined;
}

export function memberOf(tx: Transaction, slug: string, user: string): Member | undefined {
  return tx
    .prepare('SELECT user, role, status, changed_by, invite FROM members WHERE room = ? AND user = ?')
    .get(slug, user) as Member | undefined;
}

/** Moderators and owners. There are few, however large the room is. */
export function rolesOf(tx: Transaction, slug: string): Pick<Member, 'user' | 'role'>[] {
  return tx
    .prepare("SELECT user, role FROM members WHERE room = ? AND role <> 'member' ORDER BY user")
    .all(slug) as Pick<Member, 'user' | 'role'>[];
}

/** All members, if the requester is a member. */
export function membersOf(
  tx: Transaction,
  slug: string,
  by: string,
): Pick<Member, 'user' | 'role' | 'status'>[] {
  roleIn(tx, slug, by);
  return tx.prepare('SELECT user, role, status FROM members WHERE room = ? ORDER BY user').all(slug) as Pick<
    Member,
    'user' | 'role' | 'status'
  >[];
}

/** Creates a room with its owner as the first member. */
export function addRoom(tx: Transaction, slug: string, owner: string, inviteRole: Role = 'member'): void {
  tx.prepare('INSERT INTO rooms (slug, owner, invite_role) VALUES (?, ?, ?)').run(slug, owner, inviteRole);
  setStatus(tx, slug, owner, 'joined', owner);
  setRole(tx, slug, owner, 'owner');
}

/** Stores a membership without any checks. Users who leave the room lose their role. */
export function setStatus(
  tx: Transaction,
  slug: string,
  user: string,
  status: Status,
  changedBy: string,
  invite: string | null = null,
): void {
  const role = (status === 'joined' && memberOf(tx, slug, user)?.role) || 'member';
  tx.prepare(
    `INSERT INTO members (room, user, role, status, changed_by, invite) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET role = excluded.role, status = excluded.status, changed_by = excluded.changed_by,
       invite = excluded.invite`,
  ).run(slug, user, role, status, changedBy, invite);
}

export function setRole(tx: Transaction, slug: string, user: string, role: Role): void {
  tx.prepare('UPDATE members SET role = ? WHERE room = ? AND user = ?').run(role, slug, user);
}

export function setInviteRole(tx: Transaction, slug: string, role: Role): void {
  tx.prepare('UPDATE rooms SET invite_role = ? WHERE slug = ?').run(role, slug);
}

/** Joins a room. Requires an invite. */
export function join(tx: Transaction, slug: string, user: string): void {
  if (memberOf(tx, slug, user)?.status !== 'invited') throw new HttpError(403, 'You have not been invited');
  setStatus(tx, slug, user, 'joined', user);
}

/** Bans a user. Moderators can ban members, and owners can ban moderators too. */
export function ban(tx: Transaction, slug: string, user: string, by: string): void {
  const role = roleIn(tx, slug, by);
  const banned = memberOf(tx, slug, user)?.role ?? 'member';
  if (RANK[role] < RANK.moderator || RANK[role] <= RANK[banned])
    throw new HttpError(403, 'You are not allowed to ban this user');
  if (!userExists(tx, user)) throw new HttpError(404, 'The user does not exist');
  setStatus(tx, slug, user, 'banned', by);
}

/** Assigns a role to a member. Only the owner can. */
export function giveRole(tx: Transaction, slug: string, user: string, role: Role, by: string): void {
  if (roleIn(tx, slug, by) !== 'owner') throw new HttpError(403, 'Only the owner can assign roles');
  if (memberOf(tx, slug, user)?.status !== 'joined') throw new HttpError(404, 'The user is not in the room');
  setRole(tx, slug, user, role);
}

/** Sets the role that is required to invite. Only the owner can. */
export function changeInviteRole(tx: Transaction, slug: string, role: Role, by: string): void {
  if (roleIn(tx, slug, by) !== 'owner') throw new HttpError(403, 'Only the owner can change who may invite');
  setInviteRole(tx, slug, role);
}

export function isRole(value: unknown): value is Role {
  return typeof value === 'string' && Object.hasOwn(RANK, value);
}

const RANK: Readonly<Record<Role, number>> = { member: 0, moderator: 1, owner: 2 };

function roleIn(tx: Transaction, slug: string, user: string): Role {
  const member = memberOf(tx, slug, user);
  if (member?.status !== 'joined')
    throw new HttpError(404, 'The room does not exist, or you are not a member');
  return member.role;
}
