import type { NodeStart } from "@claudeway/ports";

/** How far behind the newest a number may arrive, and how many nodes are remembered. */
const WINDOW = 65_536;
const MAX_SENDERS = 4096;

interface Sender {
  readonly incarnation: number;
  highest: number;
  /** One bit for each number of the window. */
  readonly seen: Uint8Array;
}

/**
 * Tells requests that were seen before, without a clock: every start of a node numbers what it sends, and an earlier start
 * of it is not heard any more.
 */
export class ReplayWindow {
  readonly #senders = new Map<string, Sender>();

  /** False: this number of this sender has been seen, or is too old to tell. */
  accept({ node, incarnation }: NodeStart, number: number): boolean {
    const sender = this.#senderOf(node, incarnation);
    if (sender === undefined || number <= sender.highest - WINDOW) return false;
    if (number > sender.highest) forget(sender, number);
    const [index, bit] = [(number % WINDOW) >> 3, 1 << (number & 7)];
    const byte = sender.seen[index] ?? 0;
    if ((byte & bit) !== 0) return false;
    sender.seen[index] = byte | bit;
    return true;
  }

  #senderOf(node: string, incarnation: number): Sender | undefined {
    const known = this.#senders.get(node);
    if (known !== undefined && known.incarnation >= incarnation)
      return known.incarnation === incarnation ? known : undefined;
    if (known === undefined && this.#senders.size >= MAX_SENDERS) return undefined;
    const sender = { incarnation, highest: 0, seen: new Uint8Array(WINDOW / 8) };
    this.#senders.set(node, sender);
    return sender;
  }
}

/** Moves the window up: the numbers that it gains have not been seen. */
function forget(sender: Sender, number: number): void {
  if (number - sender.highest >= WINDOW) sender.seen.fill(0);
  else
    for (let next = sender.highest + 1; next <= number; next++) {
      const index = (next % WINDOW) >> 3;
      sender.seen[index] = (sender.seen[index] ?? 0) & ~(1 << (next & 7));
    }
  sender.highest = number;
}
