/** Returns the characters (code points) of a string, with A to Z in lower case, for {@link matchesGlob}. */
export function charactersOf(text: string): string[] {
  // Keeps the number of characters for `?`: full case mapping turns some characters into two.
  return [...text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())];
}

/**
 * Returns true if a glob matches a whole string. `*` matches any number of characters, `?` exactly one
 * (appendices, "Glob-style matching").
 *
 * Any glob takes at most about glob length × string length steps. The most common ones, such as `*:server`,
 * take far fewer, because the part after the last `*` can only match at the end of the string.
 */
export function matchesGlob(glob: readonly string[], text: readonly string[]): boolean {
  const lastStar = glob.lastIndexOf('*');
  const tail = glob.slice(lastStar + 1);
  const tailAt = text.length - tail.length;
  if (lastStar === -1 ? tailAt !== 0 : tailAt < 0) return false;
  if (!tail.every((wanted, index) => fits(wanted, text[tailAt + index]))) return false;
  return lastStar === -1 || matchesStart(glob.slice(0, lastStar + 1), text, tailAt);
}

/**
 * Returns true if a glob that ends in `*` matches the start of a string, up to `end`. On a mismatch, only the
 * last `*` has to match more: everything before it has already matched as early as possible.
 */
function matchesStart(glob: readonly string[], text: readonly string[], end: number): boolean {
  let next = 0;
  let at = 0;
  let afterStar = -1;
  let starEnd = 0;
  // At the last `*`, nothing is left to match.
  while (next < glob.length - 1) {
    const wanted = glob[next];
    if (wanted === '*') {
      next += 1;
      afterStar = next;
      starEnd = at;
    } else if (at < end && fits(wanted, text[at])) {
      next += 1;
      at += 1;
    } else if (afterStar !== -1 && starEnd < end) {
      next = afterStar;
      starEnd += 1;
      at = starEnd;
    } else {
      return false;
    }
    // The rest of the string is too short for what follows before the next `*`.
    if (at >= end && glob[next] !== '*') return false;
  }
  return true;
}

function fits(wanted: string | undefined, character: string | undefined): boolean {
  return wanted === '?' || wanted === character;
}
