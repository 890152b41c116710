/** Entries of one kind, oldest first, in memory and in the store. */
export class EntryTable<Value extends object> {
  readonly rows = new Map<string, Value>();
  readonly #ages = new Map<string, number>();

  constructor(
    private readonly prefix: string,
    private readonly changed: (id: string, value: object | undefined) => void,
    private readonly next: () => number,
  ) {}

  /** Replaces an entry where it is, or adds it as the newest one. */
  set(id: string, value: Value): void {
    const n = this.#ages.get(id) ?? this.next();
    this.restore(id, value, n);
    this.changed(this.prefix + id, { ...value, n });
  }

  /** Adds an entry that the store has. */
  restore(id: string, value: Value, n: number): void {
    this.rows.set(id, value);
    this.#ages.set(id, n);
  }

  /** Makes an entry the newest one. */
  renew(id: string, value: Value): void {
    this.rows.delete(id);
    this.#ages.delete(id);
    this.set(id, value);
  }

  delete(id: string): void {
    this.#ages.delete(id);
    if (this.rows.delete(id)) this.changed(this.prefix + id, undefined);
  }

  /** Removes the oldest entries beyond `most`, and before all others those that are `lesser`; returns them. */
  trim(most: number, lesser: (value: Value) => boolean = () => false): [string, Value][] {
    if (this.rows.size <= most) return [];
    const rows = [...this.rows];
    const inOrder = [...rows.filter(([, row]) => lesser(row)), ...rows.filter(([, row]) => !lesser(row))];
    const over = inOrder.slice(0, rows.length - most);
    for (const [id] of over) this.delete(id);
    return over;
  }
}
