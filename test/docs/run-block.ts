import { compileFunction } from 'node:vm';
import ts from 'typescript';

const compilerOptions = { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2023 };

/**
 * Runs a code block of a page in this process. It can run again with another host.
 *
 * @param names the values that the block takes from its host, by name
 */
export async function runBlock(text: string, names: Readonly<Record<string, unknown>>): Promise<void> {
  const modules = new Map<string, unknown>();
  for (const { fileName } of ts.preProcessFile(text).importedFiles) {
    modules.set(fileName, await import(fileName));
  }
  const { outputText } = ts.transpileModule(text, { compilerOptions });
  const run = compileFunction(`return (async () => {${outputText}\n})();`, [
    'require',
    'exports',
    ...Object.keys(names),
  ]);
  await run((name: string) => modules.get(name), {}, ...Object.values(names));
}
