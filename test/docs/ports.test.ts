import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { membersOf } from './factories.ts';
import { pages, proseOf, readPage, tablesOf } from './pages.ts';
import { declarationsOf, exportedFrom, nodesOf, parse, withImports } from './source.ts';

const ENTRY = 'src/index.ts';
const prose = pages.map(proseOf).join('\n');

/** Returns the names in backquotes in the first column of a page's tables, if that column has this header. */
function namesIn(path: string, head: string): string[] {
  return tablesOf(proseOf(readPage(path)))
    .filter((table) => table.head[0] === head)
    .flatMap(({ rows }) =>
      rows.flatMap(([cell = '']) => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '')),
    );
}

describe('the ports', () => {
  const ports = exportedFrom(ENTRY).flatMap(({ declarations }) =>
    declarations.filter((node) => node.getSourceFile().fileName.startsWith('src/ports/')),
  );
  const methods = ports
    .filter(ts.isInterfaceDeclaration)
    .flatMap(({ name, members }) => members.map((member) => `${name.text}.${member.name?.getText()}`));

  it('have only methods that the docs mention', () => {
    expect(methods).toEqual(expect.arrayContaining(['StorageAdapter.appendEvent', 'RateLimitAdapter.peek']));
    const isNamed = (method: string) => new RegExp(`\`(?:\\w+\\.)?${method.split('.')[1]}\\b`).test(prose);
    expect(methods.filter((method) => !isNamed(method))).toEqual([]);
  });

  it('pass onOutcome exactly the fields that docs/policies.md lists', () => {
    const fields = membersOf(ENTRY, only(declarationsOf(ENTRY, 'RequestOutcome')));
    expect(namesIn('docs/policies.md', 'Field').sort()).toEqual([...fields.keys()].sort());
  });

  it('use exactly the refusal reasons that docs/policies.md lists', () => {
    const reasons = [...nodesOf(only(declarationsOf(ENTRY, 'InviteRefusalReason')))]
      .filter(ts.isStringLiteral)
      .map(({ text }) => text);
    expect(namesIn('docs/policies.md', '`reason`').sort()).toEqual([...reasons].sort());
  });
});

describe('the spans in docs/observability.md', () => {
  it('list exactly the attributes that the code sets', () => {
    const set = withImports(['adapters/observability/open-telemetry/index.ts'])
      .flatMap((path) => [...nodesOf(parse(path))])
      .flatMap((node) => (ts.isStringLiteral(node) && /^matrix_invite\./.test(node.text) ? [node.text] : []));
    const documented = namesIn('docs/observability.md', 'Attribute').filter((name) =>
      name.startsWith('matrix_invite.'),
    );
    expect(documented.sort()).toEqual([...new Set(set)].sort());
  });
});

function only<Item>(items: readonly Item[]): Item {
  const [item] = items;
  if (item === undefined || items.length > 1) throw new Error(`expected one item, got ${items.length}`);
  return item;
}
