import ts from 'typescript';
import { documentedSources } from './entry-points.ts';
import type { Factory } from './factories.ts';
import { declarationsOf, nodesOf, parse, withImports } from './source.ts';

type Fallback = { readonly source: string; readonly name: string; readonly value: ts.Expression };

const fallbacks: readonly Fallback[] = withImports(documentedSources).flatMap((source) =>
  [...nodesOf(parse(source))].flatMap((node) => fallbackOf(source, node)),
);

/**
 * Returns the literals that a factory's code uses as the default of an option, as in `{ cors = true }` and
 * `options.timeoutMs ?? 2_000`. A constant counts as its value. Empty if the default has no such form.
 */
export function defaultsInCode({ path }: Factory, option: string): string[] {
  // The files of an adapter all start with this path. In src, options are passed from file to file.
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
