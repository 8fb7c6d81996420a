import ts from 'typescript';
import { documentedSources } from './entry-points.ts';
import { commentOf, declarationsOf, nodesOf, parse, withImports } from './source.ts';

/** An option, as the code declares it. */
type Option = {
  readonly name: string;
  /** The doc comment on one line. */
  readonly comment: string;
  readonly isRequired: boolean;
  /** The default that the comment states. */
  readonly defaultValue: string | undefined;
};

/** A function or class that takes options and checks them with `checkOptions`. */
export type Factory = {
  /** The name that error messages use. */
  readonly name: string;
  readonly path: string;
  readonly options: readonly Option[];
  /** The names of the types that declare its options. */
  readonly types: ReadonlySet<string>;
};

/** Every function and class in the package that takes options. */
export const factories: readonly Factory[] = withImports(documentedSources)
  .filter((path) => path !== 'src/internal/options.ts')
  .flatMap((path) => [...nodesOf(parse(path))].flatMap((node) => factoryOf(path, node)));

function factoryOf(path: string, node: ts.Node): Factory[] {
  if (!ts.isCallExpression(node) || node.expression.getText() !== 'checkOptions') return [];
  const [name, , table] = node.arguments;
  if (name === undefined || !ts.isStringLiteral(name))
    throw new Error(`${path}: checkOptions without a name`);
  const types = new Set<string>();
  const members = membersOf(path, node.typeArguments?.[0] ?? checkedType(path, table), types);
  const options = [...members].map(([option, member]) => optionOf(option, member));
  return [{ name: name.text, path, options, types }];
}

/** Returns the `Options` type of a table of checks, which is a constant of type `OptionChecks<Options>`. */
function checkedType(path: string, table: ts.Expression | undefined): ts.TypeNode {
  const [declaration] = table === undefined ? [] : declarationsOf(path, table.getText());
  for (const node of declaration === undefined ? [] : nodesOf(declaration)) {
    if (!ts.isVariableDeclaration(node) || node.type === undefined) continue;
    const [type] = ts.isTypeReferenceNode(node.type) ? (node.type.typeArguments ?? []) : [];
    if (type !== undefined) return type;
  }
  throw new Error(`${path}: cannot find the type of the option checks`);
}

type Member = { readonly comment: string; readonly isOptional: boolean };

/** Returns the members of an object type and of the types it consists of. Adds the names of those to `types`. */
export function membersOf(path: string, type: ts.Node, types: Set<string> = new Set()): Map<string, Member> {
  if (ts.isParenthesizedTypeNode(type)) return membersOf(path, type.type, types);
  if (ts.isTypeAliasDeclaration(type)) return membersOf(path, type.type, types);
  if (ts.isTypeLiteralNode(type) || ts.isInterfaceDeclaration(type)) return membersIn(type.members);
  if (ts.isIntersectionTypeNode(type)) {
    return new Map(type.types.flatMap((each) => [...membersOf(path, each, types)]));
  }
  if (ts.isUnionTypeNode(type)) return membersOfUnion(type.types.map((each) => membersOf(path, each, types)));
  if (!ts.isTypeReferenceNode(type)) throw new Error(`${path}: unsupported type ${type.getText()}`);
  const name = type.typeName.getText();
  const [argument] = type.typeArguments ?? [];
  if (name === 'Partial' && argument !== undefined) return membersOf(path, argument, types);
  types.add(name);
  const declarations = declarationsOf(path, name);
  return new Map(declarations.flatMap((each) => [...membersOf(each.getSourceFile().fileName, each, types)]));
}

function membersIn(elements: ts.NodeArray<ts.TypeElement>): Map<string, Member> {
  return new Map(
    elements.map((member) => [
      member.name?.getText() ?? '',
      { comment: commentOf(member), isOptional: member.questionToken !== undefined },
    ]),
  );
}

/** Merges the members of a union. A member that one of its types may lack is optional. */
function membersOfUnion(all: readonly Map<string, Member>[]): Map<string, Member> {
  const names = new Set(all.flatMap((members) => [...members.keys()]));
  return new Map(
    [...names].map((name) => {
      const found = all.flatMap((members) => members.get(name) ?? []);
      const comment = found.map((member) => member.comment).join('\n');
      return [
        name,
        { comment, isOptional: found.length < all.length || found.some((each) => each.isOptional) },
      ];
    }),
  );
}

function optionOf(name: string, { comment, isOptional }: Member): Option {
  const line = comment
    .replaceAll(/^\/\*\*|\*\/$/g, '')
    .replaceAll(/\s+\*?\s*/g, ' ')
    .trim();
  const defaultValue = /\b[Dd]efault:? ((?:[^.:;,)]|[.,](?=\d)|, (?=\d))+)/.exec(line)?.[1];
  const isRequired = /\bRequired\b/.test(line) || (!isOptional && defaultValue === undefined);
  return { name, comment: line, isRequired, defaultValue };
}
