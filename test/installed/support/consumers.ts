import { inject } from 'vitest';
import { projectWith } from './project.ts';
import { drivers } from './subpaths.ts';

export const EXPRESS_MAJORS = [4, 5] as const;
export type ExpressMajor = (typeof EXPRESS_MAJORS)[number];

/** A project that has installed the tarball and Express, with the types that TypeScript asks for, and no driver. */
export function consumerOf(major: ExpressMajor): Promise<string> {
  return projectWith(`express${major}`, [inject('packed').tarball, ...expressWithTypes(major)]);
}

/** A project that has all drivers as well, each the newest that package.json allows. */
export function consumerOfAllDrivers(): Promise<string> {
  return projectWith('drivers', [inject('packed').tarball, ...expressWithTypes(5), ...drivers.values()]);
}

/** A project that has installed the tarball alone: not even Express, which npm brings in as a peer otherwise. */
export function bareProject(): Promise<string> {
  return projectWith('bare', [inject('packed').tarball], ['--omit=peer']);
}

function expressWithTypes(major: ExpressMajor): string[] {
  // The oldest Node's types: ours must not need newer ones.
  return [`express@${major}`, `@types/express@${major}`, '@types/node@20'];
}
