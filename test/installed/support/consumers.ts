import { inject } from 'vitest';
import { projectWith } from './project.ts';
import { drivers } from './subpaths.ts';

export const EXPRESS_MAJORS = [4, 5] as const;
export type ExpressMajor = (typeof EXPRESS_MAJORS)[number];

/** Returns a project with the tarball, Express, the types that TypeScript needs, and no drivers. */
export function consumerOf(major: ExpressMajor): Promise<string> {
  return projectWith(`express${major}`, [inject('packed').tarball, ...expressWithTypes(major)]);
}

/** Returns a project that also has all drivers, each in the newest version that package.json allows. */
export function consumerOfAllDrivers(): Promise<string> {
  return projectWith('drivers', [inject('packed').tarball, ...expressWithTypes(5), ...drivers.values()]);
}

/** Returns a project with only the tarball. It lacks Express, which npm would install as a peer dependency. */
export function bareProject(): Promise<string> {
  return projectWith('bare', [inject('packed').tarball], ['--omit=peer']);
}

function expressWithTypes(major: ExpressMajor): string[] {
  // The types of the oldest supported Node: the package's types must not need newer ones.
  return [`express@${major}`, `@types/express@${major}`, '@types/node@20'];
}
