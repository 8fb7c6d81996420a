import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { ROOT } from './pages.ts';

/** A source file of the package, parsed; `path` is relative to the package. */
export function parse(path: string): ts.SourceFile {
  const text = readFileSync(`${ROOT}${path}`, 'utf8');
  return ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true);
}

/** These files and all files of the package that they import, directly or not. */
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

/** Every node of a file. */
export function* nodesOf(node: ts.Node): Generator<ts.Node> {
  yield node;
  const children: ts.Node[] = [];
  node.forEachChild((child) => {
    children.push(child);
  });
  for (const child of children) yield* nodesOf(child);
}

/** The names that a file exports, types included. */
export function exportsOf(path: string): string[] {
  return parse(path).statements.flatMap((statement) => {
    if (ts.isExportDeclaration(statement)) {
      const clause = statement.exportClause;
      if (clause === undefined || !ts.isNamedExports(clause))
        throw new Error(`${path} exports more than names`);
      return clause.elements.map(({ name }) => name.text);
    }
    if (!ts.canHaveModifiers(statement)) return [];
    const isExported = ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
    if (!isExported) return [];
    if (ts.isVariableStatement(statement)) {
      return statement.declarationList.declarations.map(({ name }) => name.getText());
    }
    const { name } = statement as ts.Statement & { readonly name?: ts.Identifier };
    return name === undefined ? [] : [name.text];
  });
}

/** The doc comment of each member of a file's type literals and interfaces, by the member's name. */
export function memberComments(path: string, typeName: string): Map<string, string> {
  const comments = new Map<string, string>();
  for (const node of nodesOf(parse(path))) {
    if (!ts.isTypeAliasDeclaration(node) || node.name.text !== typeName) continue;
    for (const member of nodesOf(node)) {
      if (!ts.isPropertySignature(member)) continue;
      const [comment] = ts.getJSDocCommentsAndTags(member);
      comments.set(member.name.getText(), comment === undefined ? '' : comment.getText());
    }
  }
  return comments;
}

/**
 * The messages of a file's `new TypeError(…)`, each as a pattern in which `.+` stands for what is filled in.
 */
export function typeErrorPatterns(path: string): RegExp[] {
  return [...nodesOf(parse(path))].flatMap((node) => {
    if (!ts.isNewExpression(node) || node.expression.getText() !== 'TypeError') return [];
    const [message] = node.arguments ?? [];
    if (message === undefined) return [/^$/];
    return [patternOf(textsOf(message, path))];
  });
}

/** The texts of a message, between which something is filled in. */
function textsOf(message: ts.Expression, path: string): string[] {
  if (ts.isStringLiteralLike(message)) return [message.text];
  if (ts.isTemplateExpression(message)) {
    return [message.head.text, ...message.templateSpans.map(({ literal }) => literal.text)];
  }
  if (!ts.isBinaryExpression(message) || message.operatorToken.kind !== ts.SyntaxKind.PlusToken) {
    throw new Error(`${path}: a message that is no text`);
  }
  const [left, right] = [textsOf(message.left, path), textsOf(message.right, path)];
  return [...left.slice(0, -1), `${left.at(-1)}${right[0]}`, ...right.slice(1)];
}

function patternOf(parts: readonly string[]): RegExp {
  return new RegExp(`^${parts.map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('.+')}$`);
}
