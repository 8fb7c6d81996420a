type Release = { readonly version: string; readonly date: string };

/** Finds the newest release in a changelog, headed `## 1.2.3 - 2026-01-31` or `## 1.2.3 - Unreleased`. */
export function newestRelease(changelog: string): Release | undefined {
  const [, version, date] = /^## \[?(\d+\.\d+\.\d+[^\s\]]*)\]? - (\S+)/m.exec(changelog) ?? [];
  return version === undefined || date === undefined ? undefined : { version, date };
}

/** Lists the problems in a changelog that prevent the release of a version. */
export function changelogProblems(changelog: string, version: string): string[] {
  const newest = newestRelease(changelog);
  if (newest === undefined) return ['CHANGELOG.md has no heading like "## 1.2.3 - 2026-01-31"'];
  if (newest.version !== version) {
    return [`package.json has version ${version}, but the newest in CHANGELOG.md is ${newest.version}`];
  }
  return /^\d{4}-\d{2}-\d{2}$/.test(newest.date)
    ? []
    : [`CHANGELOG.md gives "${newest.date}" as the date of ${version}`];
}
