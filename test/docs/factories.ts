import ts from 'typescript';
import { documentedSources } from './entry-points.ts';
import { commentOf, declarationsOf, nodesOf, parse, withImports } from './source.ts';

/** An option as the code has it. */
type Option = {
  readonly name: string;
  /** Its doc comment, as one line. */
  readonly comment: string;
  readonly isRequired: boolean;
  /** The default as the comment says it. */
  readonly byDefault: string | undefined;
};

/** What: options must be an object: a call of `checkOptions`. */
export type Factory = {
  /** How messages name it. */
  readonly what: string;
  readonly path: string;
  readonly options: readonly Option[];
  /** The types that have its options. */
  readonly types: ReadonlySet<string>;
};

/** Everything in the package that takes options: what checks them at run time says so. */
export const factories: readonly Factory[] = withImports(documentedSources)
  .filter((path) => path !== 'src/internal/options.ts')
  .flatMap((path) => [...nodesOf(parse(path))].flatMap((node) => factoryOf(path, node)));

function factoryOf(path: string, node: ts.Node): Factory[] {
  if (!ts.isCallExpression(node) || node.expression.getText() !== 'checkOptions') return [];
  const [what, , table] = node.arguments;
  if (what === undefined || !ts.isStringLiteral(what)) throw new Error(`${path}: options of nobody`);
  const types = new Set<string>();
  const members = membersOf(path, node.typeArguments?.[0] ?? checkedType(path, table), types);
  const options = [...members].map(([name, member]) => optionOf(name, member));
  return [{ what: what.text, path, options, types }];
}

/** The `Options` of a table of checks, a constant of the type `OptionChecks<Options>`. */
function checkedType(path: string, table: ts.Expression | undefined): ts.TypeNode {
  const [declaration] = table === undefined ? [] : declarationsOf(path, table.getText());
  for (const node of declaration === undefined ? [] : nodesOf(declaration)) {
    if (!ts.isVariableDeclaration(node) || node.type === undefined) continue;
    const [type] = ts.isTypeReferenceNode(node.type) ? (node.type.typeArguments ?? []) : [];
    if (type !== undefined) return type;
  }
  throw new Error(`${path}: checks of no type`);
}

type Member = { readonly comment: string; readonly isOptional: boolean };

/** The members of an object type, with those of the types that it is made of; their names go to `types`. */
export function membersOf(path: string, type: ts.Node, types: Set<string> = new Set()): Map<string, Member> {
  if (ts.isParenthesizedTypeNode(type)) return membersOf(path, type.type, types);
  if (ts.isTypeAliasDeclaration(type)) return membersOf(path, type.type, types);
  if (ts.isTypeLiteralNode(type) || ts.isInterfaceDeclaration(type)) return membersIn(type.members);
  if (ts.isIntersectionTypeNode(type)) {
    return new Map(type.types.flatMap((each) => [...membersOf(path, each, types)]));
  }
  if (ts.isUnionTypeNode(type)) return membersOfUnion(type.types.map((each) => membersOf(path, each, types)));
  if (!ts.isTypeReferenceNode(type)) throw new Error(`${path}: members of ${type.getText()}`);
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

/** In a union a member is optional that one of the types may lack. */
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
  const byDefault = /\b[Dd]efault:? ((?:[^.:;,)]|[.,](?=\d)|, (?=\d))+)/.exec(line)?.[1];
  const isRequired = /\bRequired\b/.test(line) || (!isOptional && byDefault === undefined);
  return { name, comment: line, isRequired, byDefault };
}
