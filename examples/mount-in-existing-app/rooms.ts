import type { Transaction } from './database.ts';
import { Refusal } from './refusal.ts';
import { userExists } from './users.ts';

/** What a member of a room may do: owners give roles, moderators ban. */
export type Role = 'member' | 'moderator' | 'owner';
export type Status = 'joined' | 'invited' | 'left' | 'banned';

export type Room = { readonly slug: string; readonly owner: string; readonly invite_role: Role };
export type Member = {
  readonly user: string;
  readonly role: Role;
  readonly status: Status;
  readonly changed_by: string;
  /** What an invite says, as JSON: kept whole, so that it can be shown as it was sent. */
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

/** Moderators and owners: few, however large the room is. */
export function rolesOf(tx: Transaction, slug: string): Pick<Member, 'user' | 'role'>[] {
  return tx
    .prepare("SELECT user, role FROM members WHERE room = ? AND role <> 'member' ORDER BY user")
    .all(slug) as Pick<Member, 'user' | 'role'>[];
}

/** Everybody, for who is in the room. */
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

/** Makes a room; its owner is in it. */
export function addRoom(tx: Transaction, slug: string, owner: string, inviteRole: Role = 'member'): void {
  tx.prepare('INSERT INTO rooms (slug, owner, invite_role) VALUES (?, ?, ?)').run(slug, owner, inviteRole);
  setStatus(tx, slug, owner, 'joined', owner);
  setRole(tx, slug, owner, 'owner');
}

/** Writes a membership, whatever it was; whoever is no longer in the room loses their role. */
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

/** Whoever was invited may join. */
export function join(tx: Transaction, slug: string, user: string): void {
  if (memberOf(tx, slug, user)?.status !== 'invited') throw new Refusal(403, 'Nobody has invited you');
  setStatus(tx, slug, user, 'joined', user);
}

/** Moderators ban members, owners ban moderators too. */
export function ban(tx: Transaction, slug: string, user: string, by: string): void {
  const role = roleIn(tx, slug, by);
  const banned = memberOf(tx, slug, user)?.role ?? 'member';
  if (RANK[role] < RANK.moderator || RANK[role] <= RANK[banned])
    throw new Refusal(403, 'You may not ban them');
  if (!userExists(tx, user)) throw new Refusal(404, 'There is no such user');
  setStatus(tx, slug, user, 'banned', by);
}

/** The owner gives roles to members. */
export function giveRole(tx: Transaction, slug: string, user: string, role: Role, by: string): void {
  if (roleIn(tx, slug, by) !== 'owner') throw new Refusal(403, 'Only the owner gives roles');
  if (memberOf(tx, slug, user)?.status !== 'joined') throw new Refusal(404, 'They are not in the room');
  setRole(tx, slug, user, role);
}

/** The owner says who may invite. */
export function changeInviteRole(tx: Transaction, slug: string, role: Role, by: string): void {
  if (roleIn(tx, slug, by) !== 'owner') throw new Refusal(403, 'Only the owner says who may invite');
  setInviteRole(tx, slug, role);
}

export function isRole(value: unknown): value is Role {
  return typeof value === 'string' && Object.hasOwn(RANK, value);
}

const RANK: Readonly<Record<Role, number>> = { member: 0, moderator: 1, owner: 2 };

function roleIn(tx: Transaction, slug: string, user: string): Role {
  const member = memberOf(tx, slug, user);
  if (member?.status !== 'joined') throw new Refusal(404, 'There is no such room, or you are not in it');
  return member.role;
}
