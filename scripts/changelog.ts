/** The newest release in a changelog, as Keep a Changelog writes it: `## 1.2.3 - 2026-01-31`, or `Unreleased`. */
export function newestRelease(
  changelog: string,
): { readonly version: string; readonly date: string } | undefined {
  const [, version, date] = /^## \[?(\d+\.\d+\.\d+[^\s\]]*)\]? - (\S+)/m.exec(changelog) ?? [];
  return version === undefined || date === undefined ? undefined : { version, date };
}

/** Why a changelog is not ready for the release of a version. Empty when it is. */
export function problemsOf(changelog: string, version: string): string[] {
  const newest = newestRelease(changelog);
  if (newest === undefined) return ['CHANGELOG.md has no heading such as "## 1.2.3 - 2026-01-31"'];
  if (newest.version !== version) {
    return [`package.json has version ${version}, and CHANGELOG.md begins with ${newest.version}`];
  }
  return /^\d{4}-\d{2}-\d{2}$/.test(newest.date)
    ? []
    : [`CHANGELOG.md: ${version} has no date, but "${newest.date}"`];
}
