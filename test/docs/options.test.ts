import { describe, expect, it } from 'vitest';
import { defaultsInCode } from './code-defaults.ts';
import { factories } from './factories.ts';
import { documentedOptions, plain } from './option-tables.ts';
import { pages } from './pages.ts';

const documented = pages.flatMap(documentedOptions);

describe('the options in docs', () => {
  it('each belong to a known factory or options type', () => {
    const names = factories.flatMap(({ name, types }) => [name, ...types]);
    const withoutOwner = documented.filter(
      ({ possibleOwners }) => !possibleOwners.some((each) => names.includes(each)),
    );
    expect(withoutOwner).toEqual([]);
  });

  for (const { name: factory, options, types } of factories) {
    const documentedHere = documented.filter(({ possibleOwners }) =>
      possibleOwners.some((each) => each === factory || types.has(each)),
    );

    it(`of ${factory} match the ones it accepts, without duplicates`, () => {
      expect(documentedHere.map(({ name }) => name).sort()).toEqual(options.map(({ name }) => name).sort());
    });

    it(`of ${factory} have the defaults that the doc comments state`, () => {
      const stated = options.map(({ name, isRequired, defaultValue }) => [
        name,
        isRequired ? 'required' : plain(defaultValue ?? ''),
      ]);
      expect(
        Object.fromEntries(documentedHere.map(({ name, defaultValue }) => [name, defaultValue])),
      ).toEqual(Object.fromEntries(stated));
    });
  }

  it('have the same defaults as the code if those are literals', () => {
    const checked = factories.flatMap((factory) =>
      factory.options.flatMap(({ name, defaultValue }) => {
        const inCode = defaultsInCode(factory, name).map(plain);
        return inCode.length === 0
          ? []
          : [{ factory: factory.name, name, stated: plain(defaultValue ?? ''), inCode }];
      }),
    );
    expect(checked.length).toBeGreaterThan(25);
    expect(checked.filter(({ stated, inCode }) => !inCode.includes(stated))).toEqual([]);
  });

  it('each have a doc comment in the code', () => {
    const uncommented = factories.flatMap(({ name: factory, options }) =>
      options.filter(({ comment }) => comment === '').map(({ name }) => `${factory}: ${name}`),
    );
    expect(uncommented).toEqual([]);
  });
});
