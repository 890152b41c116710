import { rmSync } from "node:fs";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { GitHost } from "./git-host.js";

export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** The numbers from 0 to below the count. */
export const range = (count: number) => Array.from({ length: count }, (_, index) => index);

/** Counts the answers with this status, as they arrive. */
export function counted(answers: readonly Promise<Answer>[], wanted: number): () => number {
  let count = 0;
  for (const answer of answers) {
    answer.then(
      ({ status }) => {
        if (status === wanted) count++;
      },
      () => undefined,
    );
  }
  return () => count;
}

/** A gateway with the plugin, beside a host of repositories. */
export class ReposGateway {
  private constructor(
    readonly host: GitHost,
    readonly gateway: TestGateway,
    private readonly section: Readonly<Record<string, unknown>>,
  ) {}

  static async start(
    section: Readonly<Record<string, unknown>> | ((host: GitHost) => Readonly<Record<string, unknown>>) = {},
    more: Readonly<Record<string, unknown>> = {},
  ): Promise<ReposGateway> {
    const host = await GitHost.start();
    const own = typeof section === "function" ? section(host) : section;
    const repos = { repos_dir: `${host.root}-repos`, hosts: [host.host], schemes: ["http"], ...own };
    try {
      const gateway = await createTestGateway({
        plugins: [["repos", repos]],
        keys: ["admin", "user", "other"],
        ...more,
      });
      return new ReposGateway(host, gateway, repos);
    } catch (error) {
      await host.close();
      throw error;
    }
  }

  get folder(): string {
    return `${this.host.root}-repos`;
  }

  async sync(body: unknown, key = "user"): Promise<Answer> {
    return this.#answer(await this.gateway.fetch("/repos/sync", { body: body as object, key }));
  }

  async list(key = "user"): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const { body } = await this.#answer(await this.gateway.fetch("/repos", { key }));
    return body["repos"] as readonly Readonly<Record<string, unknown>>[];
  }

  async remove(name: string, key = "user"): Promise<Answer> {
    return this.#answer(await this.gateway.fetch(`/repos/${name}`, { method: "DELETE", key }));
  }

  async request(path: string, body: object, key = "user"): Promise<Answer> {
    return this.#answer(await this.gateway.fetch(path, { body, key }));
  }

  /** Enables the plugin again, with the same settings. */
  async enable(): Promise<void> {
    await this.gateway.enable(["repos", this.section]);
  }

  async close(): Promise<void> {
    await this.gateway.close();
    await this.host.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #answer(response: Response): Promise<Answer> {
    return { status: response.status, body: (await response.json()) as Answer["body"] };
  }
}
