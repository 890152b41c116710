import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Fields, isFields } from "@claudeway/chat";
import type { PluginScope } from "@claudeway/core";

/** A response that was asked to be stored, as a file: its chat may be larger than what the ledger keeps. */
export interface StoredResponse {
  readonly keyId: string;
  /** The id of the response before it. */
  readonly parent: string | undefined;
  /** The messages of its request, in the form of a chat completion's, without instructions. */
  readonly input: readonly Fields[];
  /** The answer's text. */
  readonly output: string;
  /** As the client got it. */
  readonly body: Fields;
}

/** How many are kept; the oldest are removed first. */
const MAX_STORED = 10_000;
const SWEEP_MS = 60 * 60 * 1000;
const NUMBER = /^([0-9a-f]{32})(?:_\d{1,3})?$/;

/** The number in the id of a response, or of an item of its output. */
export function numberIn(id: string): string | undefined {
  return NUMBER.exec(id.slice(id.indexOf("_") + 1))?.[1];
}

/** The items of a response's output. */
export function itemsOf({ output }: Fields): readonly Fields[] {
  return Array.isArray(output) ? output.filter(isFields) : [];
}

/** A response as a message of a chat completion. */
export function answerOf({ output, body }: StoredResponse): Fields {
  const calls = itemsOf(body).filter(({ type }) => type === "function_call");
  if (calls.length === 0) return { role: "assistant", content: output };
  const tool_calls = calls.map(({ call_id: id, ...of }) => ({ id, function: of }));
  const isSaid = itemsOf(body).some(({ type }) => type === "message");
  return { role: "assistant", content: isSaid ? output : null, tool_calls };
}

/** Stored responses, in a folder of the plugin. */
export class ResponseStore {
  constructor(
    private readonly folder: string,
    private readonly maxAgeMs: number,
  ) {}

  async save(number: string, stored: StoredResponse): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const path = this.#pathOf(number);
    await writeFile(`${path}.new`, JSON.stringify(stored), { mode: 0o600 });
    await rename(`${path}.new`, path);
  }

  /**
   * Undefined for an unknown id, or one of another key.
   * @param spend is called with the size of the file before it is parsed, and may throw
   */
  async get(
    keyId: string,
    id: string,
    spend: (bytes: number) => void = () => undefined,
  ): Promise<StoredResponse | undefined> {
    const number = numberIn(id);
    if (number === undefined) return undefined;
    const file = await this.#read(number);
    if (file === undefined) return undefined;
    spend(file.length);
    const stored = storedIn(JSON.parse(file.toString()));
    return stored?.keyId === keyId ? stored : undefined;
  }

  /** False for an unknown id, or one of another key. */
  async delete(keyId: string, id: string): Promise<boolean> {
    if ((await this.get(keyId, id)) === undefined) return false;
    await rm(this.#pathOf(numberIn(id) ?? ""), { force: true });
    return true;
  }

  /** Removes old ones now and then, until the plugin is switched off. */
  sweep({ log, onDispose }: Pick<PluginScope, "log" | "onDispose">): void {
    const timer = setInterval(() => {
      this.#removeOld().catch((error: unknown) =>
        log.warn({ err: error }, "old responses could not be removed"),
      );
    }, SWEEP_MS);
    onDispose(() => clearInterval(timer));
  }

  async #removeOld(): Promise<void> {
    const found: { path: string; at: number }[] = [];
    for (const name of await readdir(this.folder).catch(() => [])) {
      const path = join(this.folder, name);
      found.push({ path, at: (await stat(path)).mtimeMs });
    }
    found.sort((one, other) => one.at - other.at);
    const oldest = Date.now() - this.maxAgeMs;
    const old = found.filter(({ at }, index) => at < oldest || index < found.length - MAX_STORED);
    for (const { path } of old) await rm(path, { force: true });
  }

  async #read(number: string): Promise<Buffer | undefined> {
    try {
      return await readFile(this.#pathOf(number));
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
      throw error;
    }
  }

  #pathOf(number: string): string {
    return join(this.folder, `${number}.json`);
  }
}

function storedIn(value: unknown): StoredResponse | undefined {
  const { keyId, parent, input, output, body } = isFields(value) ? value : {};
  if (typeof keyId !== "string" || typeof output !== "string" || !isFields(body)) return undefined;
  return {
    keyId,
    parent: typeof parent === "string" ? parent : undefined,
    input: Array.isArray(input) ? input.filter(isFields) : [],
    output,
    body,
  };
}
