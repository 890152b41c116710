const STAMP = /^\d{4}-\d\d-\d\dT\S+ (INF|WRN|ERR|FTL|DBG) /;
/** Lines that cloudflared logs as errors but that are none: hints after an error, and the missing configuration file. */
const ADVICE =
  /^(?:\s|\d+\. |Please |If |See |For example|https?:\/\/|Configuration file \/dev\/null was empty)/;
const MAX_LENGTH = 300;

/**
 * The reason why cloudflared fails, in its own words. It prints fatal errors without time and level, on one or more lines,
 * the first of which is the reason. It logs errors that it survives.
 */
export class Complaint {
  #text = "";
  #inMessage = false;

  /** Empty if cloudflared has reported no error. */
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

  /** Forgets earlier errors. */
  clear(): void {
    this.#text = "";
  }
}
