/** The median (of two middle values, their mean), the smallest and the largest value of all rounds. */
export type Spread = { readonly median: number; readonly min: number; readonly max: number };

/** @throws {RangeError} if there are no values */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((one, other) => one - other);
  const at = (index: number) => {
    const value = sorted[index];
    if (value === undefined) throw new RangeError('no values');
    return value;
  };
  const last = sorted.length - 1;
  return { median: (at(Math.floor(last / 2)) + at(Math.ceil(last / 2))) / 2, min: at(0), max: at(last) };
}

/** Returns the spread of the ratios within each round, because the measurements of a round ran close together. */
export function ratioOf(values: readonly number[], base: readonly number[]): Spread {
  return spreadOf(values.map((value, round) => value / (base[round] ?? Number.NaN)));
}
