import type { NodeBook, SharedSecrets } from "@claudeway/ports";

/** Secrets in the database. They never change, so each is read once. */
export class ClusterSecrets implements SharedSecrets {
  readonly #known = new Map<string, Promise<Buffer>>();

  constructor(private readonly book: Pick<NodeBook, "secret">) {}

  get(name: string, make: () => Buffer): Promise<Buffer> {
    const secret = this.#known.get(name) ?? this.book.secret(name, make());
    this.#known.set(name, secret);
    secret.catch(() => this.#known.delete(name));
    return secret;
  }
}
