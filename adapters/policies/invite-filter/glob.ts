/** A text as its characters (code points), A to Z in lower case: what globs are matched on. */
export function charactersOf(text: string): string[] {
  // Of the same length as before, so that `?` counts right: full case mapping makes two characters of some.
  return [...text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())];
}

/**
 * Whether a glob matches a whole text: `*` stands for any run of characters, `?` for exactly one (appendices,
 * "Glob-style matching").
 *
 * It takes at most about glob × text steps, whatever the glob. Where characters do not fit, only the last `*` has to
 * give way: what came before it has matched as early as it can.
 */
export function matchesGlob(glob: readonly string[], text: readonly string[]): boolean {
  let next = 0;
  let at = 0;
  let afterStar = -1;
  let starEnd = 0;
  while (at < text.length) {
    const wanted = glob[next];
    if (wanted === '*') {
      next += 1;
      afterStar = next;
      starEnd = at;
    } else if (wanted !== undefined && (wanted === '?' || wanted === text[at])) {
      next += 1;
      at += 1;
    } else if (afterStar !== -1) {
      next = afterStar;
      starEnd += 1;
      at = starEnd;
    } else {
      return false;
    }
  }
  while (glob[next] === '*') next += 1;
  return next === glob.length;
}
