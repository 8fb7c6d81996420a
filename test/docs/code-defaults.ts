import ts from 'typescript';
import { documentedSources } from './entry-points.ts';
import type { Factory } from './factories.ts';
import { declarationsOf, nodesOf, parse, withImports } from './source.ts';

type Fallback = { readonly source: string; readonly name: string; readonly value: ts.Expression };

const fallbacks: readonly Fallback[] = withImports(documentedSources).flatMap((source) =>
  [...nodesOf(parse(source))].flatMap((node) => fallbackOf(source, node)),
);

/**
 * The literals that the code of a factory has an option fall back to: `{ cors = true }`, `options.timeoutMs ?? 2_000`;
 * of a constant its value. Empty where the default has no such form.
 */
export function defaultsInCode({ path }: Factory, option: string): string[] {
  // An adapter is a file and a folder of one name; in src options are passed on from file to file.
  const folder = /^adapters\/[^/]+\/[^/.]+/.exec(path)?.[0] ?? 'src/';
  return fallbacks
    .filter(({ source, name }) => name === option && source.startsWith(folder))
    .map(({ source, value }) => literalOf(source, value))
    .filter((text) => /^(?:[\d_]+|true|false|'[^']*')$/.test(text));
}

function fallbackOf(source: string, node: ts.Node): Fallback[] {
  if (ts.isBindingElement(node) && node.initializer !== undefined) {
    return [{ source, name: (node.propertyName ?? node.name).getText(), value: node.initializer }];
  }
  if (!ts.isBinaryExpression(node)) return [];
  if (node.operatorToken.kind !== ts.SyntaxKind.QuestionQuestionToken) return [];
  return [{ source, name: node.left.getText().replace(/^.*\./s, ''), value: node.right }];
}

function literalOf(path: string, expression: ts.Expression): string {
  const [constant] = ts.isIdentifier(expression) ? declarationsOf(path, expression.text) : [];
  if (constant === undefined) return expression.getText();
  const declaration = [...nodesOf(constant)].find(ts.isVariableDeclaration);
  return declaration?.initializer?.getText() ?? '';
}
