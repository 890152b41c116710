const STAMP = /^\d{4}-\d\d-\d\dT\S+ (INF|WRN|ERR|FTL|DBG) /;
/** What cloudflared logs as an error and is none: hints that follow one, and that it was given no configuration. */
const ADVICE =
  /^(?:\s|\d+\. |Please |If |See |For example|https?:\/\/|Configuration file \/dev\/null was empty)/;
const MAX_LENGTH = 300;

/**
 * The reason why cloudflared fails, in its own words. What ends it, it prints without a time and level, on one or more
 * lines of which the first is the reason; what it survives, it logs as an error.
 */
export class Complaint {
  #text = "";
  #inMessage = false;

  /** Empty: cloudflared has not complained. */
  get text(): string {
    return this.#text;
  }

  /** Reads the next line of output. */
  read(line: string): void {
    const level = STAMP.exec(line)?.[1];
    const text = line.replace(STAMP, "");
    const continues = level === undefined && this.#inMessage;
    this.#inMessage = level === undefined;
    if (text.trim() === "" || continues || ADVICE.test(text)) return;
    if (level === undefined || level === "ERR" || level === "FTL")
      this.#text = text.trim().slice(0, MAX_LENGTH);
  }

  /** What went wrong before is settled. */
  clear(): void {
    this.#text = "";
  }
}
