/** Bytes that several may hold, and not more than so many in all. */
export class ByteBudget {
  #held = 0;

  constructor(private readonly bytes: number) {}

  /** False: there is no room for so many more, and none were taken. */
  take(bytes: number): boolean {
    if (this.#held + bytes > this.bytes) return false;
    this.#held += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#held -= bytes;
  }
}
