import { describe, expect, it } from 'vitest';
import { defaultsInCode } from './code-defaults.ts';
import { factories } from './factories.ts';
import { documentedOptions, plain } from './option-tables.ts';
import { pages } from './pages.ts';

const documented = pages.flatMap(documentedOptions);

describe('the options in docs', () => {
  it('are of somebody', () => {
    const names = factories.flatMap(({ what, types }) => [what, ...types]);
    const ofNobody = documented.filter(({ mentioned }) => !mentioned.some((each) => names.includes(each)));
    expect(ofNobody).toEqual([]);
  });

  for (const { what, options, types } of factories) {
    const ofThis = documented.filter(({ mentioned }) =>
      mentioned.some((each) => each === what || types.has(each)),
    );

    it(`of ${what} are those that it takes, each once`, () => {
      expect(ofThis.map(({ name }) => name).sort()).toEqual(options.map(({ name }) => name).sort());
    });

    it(`of ${what} have the defaults that the code's comments say`, () => {
      const said = options.map(({ name, isRequired, byDefault }) => [
        name,
        isRequired ? 'required' : plain(byDefault ?? ''),
      ]);
      expect(Object.fromEntries(ofThis.map(({ name, byDefault }) => [name, byDefault]))).toEqual(
        Object.fromEntries(said),
      );
    });
  }

  it('have the defaults that the code itself falls back to, where these are literals', () => {
    const checked = factories.flatMap((factory) =>
      factory.options.flatMap(({ name, byDefault }) => {
        const inCode = defaultsInCode(factory, name).map(plain);
        return inCode.length === 0
          ? []
          : [{ what: factory.what, name, said: plain(byDefault ?? ''), inCode }];
      }),
    );
    expect(checked.length).toBeGreaterThan(25);
    expect(checked.filter(({ said, inCode }) => !inCode.includes(said))).toEqual([]);
  });

  it('are each explained in a comment of the code', () => {
    const silent = factories.flatMap(({ what, options }) =>
      options.filter(({ comment }) => comment === '').map(({ name }) => `${what}: ${name}`),
    );
    expect(silent).toEqual([]);
  });
});
