/** A shared limit on bytes held at once. */
export class ByteBudget {
  #held = 0;

  constructor(private readonly bytes: number) {}

  /** Reserves bytes. False if that many are not free; none are reserved then. */
  take(bytes: number): boolean {
    if (this.#held + bytes > this.bytes) return false;
    this.#held += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#held -= bytes;
  }
}
