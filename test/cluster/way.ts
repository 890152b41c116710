/** A way to a database or a gateway that can be broken. */
export interface Way {
  /** Nothing passes in either direction, and no connection learns why. */
  cut(): void | Promise<void>;
  /** What is sent to the target arrives and no answer comes back (`back`), or the other way round. */
  cutOneWay(direction: "towards" | "back"): void | Promise<void>;
  /** Everything takes longer. */
  slow(): void | Promise<void>;
  /** Resets all connections, and refuses new ones. */
  reset(): void | Promise<void>;
  /** Everything passes again. */
  restore(): void | Promise<void>;
  close(): void | Promise<void>;
}
