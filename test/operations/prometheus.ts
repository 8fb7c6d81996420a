import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { installedCommand } from '../../servers/debian-package.ts';
import { eventually } from '../../servers/eventually.ts';
import { freePort } from '../../servers/free-port.ts';
import { handOver, newFolder, Program } from './program.ts';

export type Series = { readonly metric: Readonly<Record<string, string>>; readonly value: [number, string] };

type Answer = { readonly status: string; readonly error?: string; readonly data: { result: Series[] } };

type Rule = { readonly name: string; readonly state: string; readonly health: string };

/** A Prometheus server on a free port. */
export class Prometheus {
  readonly #url: string;
  readonly #program: Program;
  readonly #folder: { close(): Promise<void> };

  private constructor(url: string, program: Program, folder: { close(): Promise<void> }) {
    this.#url = url;
    this.#program = program;
    this.#folder = folder;
  }

  /** @param files the configuration `prometheus.yml`, and the files that it names */
  static async start(files: Readonly<Record<string, string>>): Promise<Prometheus> {
    const binary = await installedCommand('prometheus');
    const folder = await newFolder();
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder.path, name), text);
    await handOver(folder.path);
    const address = `127.0.0.1:${await freePort()}`;
    const program = new Program(binary, [
      `--config.file=${join(folder.path, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder.path, 'data')}`,
      `--web.listen-address=${address}`,
    ]);
    const prometheus = new Prometheus(`http://${address}`, program, folder);
    await eventually('Prometheus is ready', async () => {
      if (program.hasEnded) throw new Error(program.output);
      return (await fetch(`http://${address}/-/ready`)).ok;
    }).catch(async (error: Error) => {
      await prometheus.close();
      throw new Error(`${error.message}\n${program.output}`);
    });
    return prometheus;
  }

  /** @throws {Error} with the message of Prometheus if it does not accept the expression */
  async query(expression: string): Promise<Series[]> {
    const response = await fetch(`${this.#url}/api/v1/query?${new URLSearchParams({ query: expression })}`);
    const { status, error, data } = (await response.json()) as Answer;
    if (status !== 'success') throw new Error(`${expression}: ${error}`);
    return data.result;
  }

  async rules(): Promise<Rule[]> {
    const response = await fetch(`${this.#url}/api/v1/rules`);
    const { data } = (await response.json()) as { data: { groups: { rules: Rule[] }[] } };
    return data.groups.flatMap(({ rules }) => rules);
  }

  async firing(): Promise<string[]> {
    return (await this.rules()).filter(({ state }) => state === 'firing').map(({ name }) => name);
  }

  async close(): Promise<void> {
    await this.#program.close();
    await this.#folder.close();
  }
}
