/** What a turn of the load does: the prompt of the working engine. */
export interface Order {
  /** The answer. */
  readonly tag: string;
  /** How long it works. */
  readonly ms: number;
  /** Thousandths of a dollar, and tokens of each kind. */
  readonly units: number;
  /** Makes a call first that a person decides on; the answer says how. */
  readonly asks?: boolean;
  /** Of a call: the turn may park while it waits. */
  readonly parks?: boolean;
}

export function promptOf(order: Order): string {
  return JSON.stringify(order);
}

/** Throws for a prompt that is not an order. */
export function parseOrder(prompt: string): Order {
  const { tag, ms, units, asks, parks }: Partial<Record<keyof Order, unknown>> = JSON.parse(prompt);
  return {
    tag: String(tag),
    ms: Number(ms),
    units: Number(units),
    asks: asks === true,
    parks: parks === true,
  };
}
