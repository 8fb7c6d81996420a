import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { factories } from '../docs/factories.ts';
import { ROOT } from '../docs/pages.ts';
import { declarationsOf } from '../docs/source.ts';

/** The types of options of every function and class, each with the file that declares it. */
const optionTypes = new Map(
  factories.flatMap(({ path, types }) =>
    [...types].flatMap((name) =>
      declarationsOf(path, name)
        .filter((node) => ts.isTypeAliasDeclaration(node) || ts.isInterfaceDeclaration(node))
        .map((node) => {
          const args = (node.typeParameters ?? []).map(() => 'never').join();
          const type = args === '' ? name : `${name}<${args}>`;
          return [name, { type, path: node.getSourceFile().fileName }] as const;
        }),
    ),
  ),
);

const program = [
  ...[...optionTypes].map(([name, { path }]) => `import type { ${name} } from '${join(ROOT, path)}';`),
  `
  /** The optional members to which \`undefined\` cannot be assigned. */
  type Rejecting<Options> = {
    [Name in keyof Options]-?: {} extends Pick<Options, Name>
      ? { [Each in Name]: undefined } extends Pick<Options, Name> ? never : Name
      : never;
  }[keyof Options];
  type Sample = { optional?: string; generous?: string | undefined; required: string };
  export declare const rejecting: {
    Sample: Rejecting<Sample>;`,
  ...[...optionTypes].map(([name, { type }]) => `    ${name}: Rejecting<${type}>;`),
  '  };',
].join('\n');

/** Returns the members that reject `undefined`, as the compiler prints them, by the name of the type. */
function rejectingMembers(): Record<string, string> {
  const file = join(ROOT, 'test/package/generated.ts');
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT, undefined, undefined, undefined);
  const host = ts.createCompilerHost({ ...options, exactOptionalPropertyTypes: true });
  const { getSourceFile, fileExists } = host;
  host.fileExists = (path) => path === file || fileExists(path);
  host.getSourceFile = (path, ...rest) =>
    path === file
      ? ts.createSourceFile(path, program, ts.ScriptTarget.Latest, true)
      : getSourceFile(path, ...rest);
  const compiled = ts.createProgram([file], { ...options, exactOptionalPropertyTypes: true }, host);
  const source = compiled.getSourceFile(file);
  if (source === undefined) throw new Error('The generated file was not compiled');
  expect(compiled.getSemanticDiagnostics(source).map(({ messageText }) => messageText)).toEqual([]);
  const checker = compiled.getTypeChecker();
  const [exported] = checker.getExportsOfModule(checker.getSymbolAtLocation(source) as ts.Symbol);
  const all = checker.getTypeOfSymbol(exported as ts.Symbol);
  return Object.fromEntries(
    all.getProperties().map((member) => [member.name, checker.typeToString(checker.getTypeOfSymbol(member))]),
  );
}

describe('with exactOptionalPropertyTypes', () => {
  it('every option that may be left out may be undefined', () => {
    const { Sample, ...rejecting } = rejectingMembers();
    // The test can fail.
    expect(Sample).toBe('"optional"');
    expect(Object.keys(rejecting).length).toBeGreaterThan(20);
    expect(Object.entries(rejecting).filter(([, members]) => members !== 'never')).toEqual([]);
  });
});
