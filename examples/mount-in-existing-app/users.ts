import { createHash, randomBytes, scrypt as scryptCallback, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import type { Database, Transaction } from './database.ts';
import { HttpError } from './http-error.ts';

const scrypt = promisify<string, string, number, Buffer>(scryptCallback);

/** Adds a user, and returns an access token for their API clients. Only the token's hash is stored. */
export async function register(database: Database, name: unknown, password: unknown): Promise<string> {
  // Names become part of Matrix user IDs, so they must follow that grammar.
  if (typeof name !== 'string' || !/^[a-z0-9._=/-]{1,64}$/.test(name))
    throw new HttpError(400, 'Invalid name');
  if (typeof password !== 'string' || password.length < 8)
    throw new HttpError(400, 'The password must have at least 8 characters');
  const salt = randomBytes(16).toString('base64url');
  const hash = (await scrypt(password, salt, 32)).toString('base64url');
  const token = randomBytes(24).toString('base64url');
  await database.transact((tx) => {
    if (userExists(tx, name)) throw new HttpError(409, 'The name is taken');
    tx.prepare('INSERT INTO users (name, salt, password_hash) VALUES (?, ?, ?)').run(name, salt, hash);
    tx.prepare('INSERT INTO tokens (token_hash, user) VALUES (?, ?)').run(hashOf(token), name);
  });
  return token;
}

/** Returns true if the name and the password are correct. */
export async function checkPassword(database: Database, name: unknown, password: unknown): Promise<boolean> {
  if (typeof name !== 'string' || typeof password !== 'string') return false;
  const user = (await database.transact((tx) =>
    tx.prepare('SELECT salt, password_hash FROM users WHERE name = ?').get(name),
  )) as { salt: string; password_hash: string } | undefined;
  if (user === undefined) return false;
  const hash = await scrypt(password, user.salt, 32);
  return timingSafeEqual(hash, Buffer.from(user.password_hash, 'base64url'));
}

/** Returns the user of an access token. */
export function userOfToken(tx: Transaction, token: string): string | undefined {
  const row = tx.prepare('SELECT user FROM tokens WHERE token_hash = ?').get(hashOf(token));
  return (row as { user: string } | undefined)?.user;
}

export function userExists(tx: Transaction, name: string): boolean {
  return tx.prepare('SELECT name FROM users WHERE name = ?').get(name) !== undefined;
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}
