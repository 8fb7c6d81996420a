/** A text as its characters (code points), A to Z in lower case: what globs are matched on. */
export function charactersOf(text: string): string[] {
  // Of the same length as before, so that `?` counts right: full case mapping makes two characters of some.
  return [...text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())];
}

/**
 * Whether a glob matches a whole text: `*` stands for any run of characters, `?` for exactly one (appendices,
 * "Glob-style matching").
 *
 * It takes at most about glob × text steps, whatever the glob, and far fewer for the commonest ones, such as `*:server`:
 * what follows the last `*` can only be at the end of the text.
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
 * Whether a glob that ends in `*` matches the start of a text, up to `end`. Where characters do not fit, only the last
 * `*` has to give way: what came before it has matched as early as it can.
 */
function matchesStart(glob: readonly string[], text: readonly string[], end: number): boolean {
  let next = 0;
  let at = 0;
  let afterStar = -1;
  let starEnd = 0;
  // Nothing is left to match once the last `*` is reached.
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
    // Too little text is left for what is still to come before the next `*`.
    if (at >= end && glob[next] !== '*') return false;
  }
  return true;
}

function fits(wanted: string | undefined, character: string | undefined): boolean {
  return wanted === '?' || wanted === character;
}
