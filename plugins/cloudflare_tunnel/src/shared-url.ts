import type { PluginScope } from "@claudeway/core";

const KEY = "public_url";

export interface SharedUrlOptions {
  readonly scope: Pick<PluginScope, "log" | "shared" | "signal" | "store">;
  /** Publishes the URL at this gateway; undefined when it is gone. */
  readonly announce: (url: string | undefined) => void;
}

/** The URL of the one tunnel of several gateways: the gateway that has the tunnel writes it, the others read it. */
export class SharedUrl {
  #leads = false;
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
    this.#write(undefined);
  }

  announce(url: string | undefined): void {
    this.options.announce(url);
    this.#write(url);
  }

  /** The tunnel no longer runs here. Resolves when the stored URL is up to date. */
  async end(): Promise<void> {
    await this.#writing;
    this.#leads = false;
  }

  async #read(): Promise<void> {
    if (this.#leads) return;
    const value = (await this.options.scope.store.get(KEY))?.value;
    if (!this.#leads) this.options.announce(typeof value === "string" ? value : undefined);
  }

  #write(url: string | undefined): void {
    const { store, log, shared } = this.options.scope;
    if (!shared) return;
    const write = async () => void (await (url === undefined ? store.delete(KEY) : store.set(KEY, url)));
    this.#writing = this.#writing.then(write).catch((error: unknown) => {
      log.warn({ err: error }, "could not store the public URL for the other gateways");
    });
  }
}
