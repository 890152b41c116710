import { randomUUID } from "node:crypto";
import type { PluginScope } from "@claudeway/core";

const KEY = "public_url";
/** The entry that says which gateway wrote last. */
const OWNER = "owner";

export interface SharedUrlOptions {
  readonly scope: Pick<PluginScope, "log" | "shared" | "signal" | "store">;
  /** Publishes the URL at this gateway; undefined when it is gone. */
  readonly announce: (url: string | undefined) => void;
}

/** The URL of the one tunnel of several gateways: the gateway that has the tunnel writes it, the others read it. */
export class SharedUrl {
  #leads = false;
  /** Whether the other gateways know that the tunnel runs here. */
  #isOwner = false;
  readonly #token = randomUUID();
  #writing: Promise<void> = Promise.resolve();

  private constructor(private readonly options: SharedUrlOptions) {}

  /** Follows the URL from now on. */
  static async follow(options: SharedUrlOptions): Promise<SharedUrl> {
    const url = new SharedUrl(options);
    const { store, signal, shared } = options.scope;
    if (!shared) return url;
    await store.watch(KEY, signal, () => url.#read());
    await url.#read();
    return url;
  }

  /** The tunnel runs here from now on: the URL of an earlier one is no longer valid. */
  begin(): void {
    this.#leads = true;
    this.#isOwner = false;
    this.#write(undefined);
  }

  announce(url: string | undefined): void {
    this.options.announce(url);
    this.#write(url);
  }

  /** The tunnel no longer runs here. Resolves when the stored URL is up to date, and that of a next tunnel is known. */
  async end(): Promise<void> {
    await this.#writing;
    this.#leads = false;
    const { shared, signal, log } = this.options.scope;
    if (!shared || signal.aborted) return;
    await this.#read().catch((error: unknown) => {
      log.warn({ err: error }, "could not read the public URL of the other gateways");
    });
  }

  async #read(): Promise<void> {
    if (this.#leads) return;
    const value = (await this.options.scope.store.get(KEY))?.value;
    if (!this.#leads) this.options.announce(typeof value === "string" ? value : undefined);
  }

  /** Writes the URL, unless the tunnel began at another gateway since. */
  #write(url: string | undefined): void {
    const { store, log, shared } = this.options.scope;
    if (!shared) return;
    const write = async () => {
      const owner = this.#isOwner ? await store.get(OWNER) : undefined;
      if (this.#isOwner && owner?.value !== this.#token) return;
      const { ok } = await store.write([
        { key: OWNER, value: this.#token, ...(owner && { expected: owner.version }) },
        url === undefined ? { key: KEY, delete: true } : { key: KEY, value: url },
      ]);
      this.#isOwner ||= ok;
    };
    this.#writing = this.#writing.then(write).catch((error: unknown) => {
      log.warn({ err: error }, "could not store the public URL for the other gateways");
    });
  }
}
