import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { ROOT } from './pages.ts';

const parsed = new Map<string, ts.SourceFile>();

/** Parses a source file of the package. `path` is relative to the root of the package. */
export function parse(path: string): ts.SourceFile {
  const known = parsed.get(path);
  if (known !== undefined) return known;
  const text = readFileSync(`${ROOT}${path}`, 'utf8');
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true);
  parsed.set(path, file);
  return file;
}

/** Returns these files and all files of the package that they import, directly or indirectly. */
export function withImports(paths: readonly string[]): string[] {
  const found = new Set(paths);
  for (const path of found) {
    for (const statement of parse(path).statements) {
      if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) continue;
      const from = statement.moduleSpecifier;
      if (from === undefined || !ts.isStringLiteral(from) || !from.text.startsWith('.')) continue;
      if (from.text.endsWith('.ts')) found.add(join(dirname(path), from.text));
    }
  }
  return [...found].sort();
}

/** Yields a node and all of its descendants. */
export function* nodesOf(node: ts.Node): Generator<ts.Node> {
  yield node;
  const children: ts.Node[] = [];
  node.forEachChild((child) => {
    children.push(child);
  });
  for (const child of children) yield* nodesOf(child);
}

/** A name that a file exports, with its declarations. An overloaded function has several. */
export type Exported = { readonly name: string; readonly declarations: readonly ts.Node[] };

/** Returns everything that a file exports, including types and what it re-exports from other files of the package. */
export function exportedFrom(path: string): Exported[] {
  return exportsOf(path).map((name) => ({ name, declarations: declarationsOf(path, name) }));
}

/** Returns the declarations of a name in a file. Follows imports and re-exports within the package. */
export function declarationsOf(path: string, name: string): ts.Node[] {
  const { statements } = parse(path);
  const here = statements.filter((statement) => declaredBy(statement).includes(name));
  if (here.length > 0) return here;
  return statements.flatMap((statement) => {
    const [elements, from] = importedNames(statement);
    const element = elements.find((each) => each.name.text === name);
    if (element === undefined || from === undefined || !from.startsWith('.')) return [];
    return declarationsOf(join(dirname(path), from), (element.propertyName ?? element.name).text);
  });
}

/** Returns the names that a statement imports or re-exports, and the module they come from. */
function importedNames(
  statement: ts.Statement,
): [readonly (ts.ImportSpecifier | ts.ExportSpecifier)[], string | undefined] {
  if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) return [[], undefined];
  const clause = ts.isImportDeclaration(statement)
    ? statement.importClause?.namedBindings
    : statement.exportClause;
  const from = statement.moduleSpecifier;
  if (clause === undefined || !(ts.isNamedImports(clause) || ts.isNamedExports(clause)))
    return [[], undefined];
  return [[...clause.elements], from !== undefined && ts.isStringLiteral(from) ? from.text : undefined];
}

/** Returns the names that a file exports, including types. */
export function exportsOf(path: string): string[] {
  return parse(path).statements.flatMap((statement) => {
    if (ts.isExportDeclaration(statement)) {
      const clause = statement.exportClause;
      if (clause === undefined || !ts.isNamedExports(clause))
        throw new Error(`${path}: only named exports are supported`);
      return clause.elements.map(({ name }) => name.text);
    }
    if (!ts.canHaveModifiers(statement)) return [];
    const isExported = ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
    return isExported ? declaredBy(statement) : [];
  });
}

function declaredBy(statement: ts.Statement): string[] {
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.map(({ name }) => name.getText());
  }
  const { name } = statement as ts.Statement & { readonly name?: ts.Identifier };
  return name === undefined ? [] : [name.text];
}

/** Returns the doc comments of everything that a file exports. A class's includes that of its constructor. */
export function publicComments(path: string): { readonly name: string; readonly text: string }[] {
  return exportedFrom(path).map(({ name, declarations }) => {
    const commented = declarations.flatMap((node) => [
      node,
      ...(ts.isClassDeclaration(node) ? node.members.filter(ts.isConstructorDeclaration) : []),
    ]);
    return { name, text: commented.map(commentOf).join('\n') };
  });
}

/** Returns the doc comment of a declaration, or an empty string. */
export function commentOf(node: ts.Node): string {
  const [comment] = ts.getJSDocCommentsAndTags(node);
  return comment === undefined ? '' : comment.getText();
}

/** Returns the message of each `new TypeError(…)` in a file, with `…` in place of interpolated values. */
export function typeErrorMessages(path: string): string[] {
  return [...nodesOf(parse(path))].flatMap((node) => {
    if (!ts.isNewExpression(node) || node.expression.getText() !== 'TypeError') return [];
    const [message] = node.arguments ?? [];
    return message === undefined ? [''] : [literalPartsOf(message, path).join('…')];
  });
}

/** Returns the literal parts of a message, between which values are interpolated. */
function literalPartsOf(message: ts.Expression, path: string): string[] {
  if (ts.isStringLiteralLike(message)) return [message.text];
  if (ts.isTemplateExpression(message)) {
    return [message.head.text, ...message.templateSpans.map(({ literal }) => literal.text)];
  }
  if (!ts.isBinaryExpression(message) || message.operatorToken.kind !== ts.SyntaxKind.PlusToken) {
    throw new Error(`${path}: the message is not a string`);
  }
  const [left, right] = [literalPartsOf(message.left, path), literalPartsOf(message.right, path)];
  return [...left.slice(0, -1), `${left.at(-1)}${right[0]}`, ...right.slice(1)];
}
