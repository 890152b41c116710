import { Readable } from "node:stream";
import { setImmediate as nextRound } from "node:timers/promises";
import type { SDKMessage } from "@anthropic-ai/claude-agent-sdk";
import { type ControlLines, RESPONSE } from "./control-lines.js";

/** A line of the CLI: a message, or a part of the protocol between the CLI and the SDK. */
type Line = SDKMessage | { readonly type: `control_${string}` | "keep_alive" | "transcript_mirror" };

/** Receives what the CLI writes to its transcripts, as it reports it. */
export interface MirrorOutput {
  take(path: string, entries: readonly unknown[]): void;
  /** Resolves when everything so far is stored. False: no result may be passed on any more. Never rejects. */
  flush(): Promise<boolean>;
  /** The output has ended. */
  ended(): void;
}

/** How the CLI begins a line of the protocol between it and the SDK. */
const CONTROL = '{"type":"control_';

/**
 * What may wait to be read: a line without its end, in characters, and messages, also in characters. Whatever runs as the CLI's
 * user can write to its output.
 */
const MAX_LINE_CHARS = 64 * 1024 * 1024;
const MAX_QUEUED = 500_000;
const MAX_QUEUED_CHARS = 128 * 1024 * 1024;

/** A message, or a request to the SDK as text, with the length of its line. */
interface Queued {
  readonly one: SDKMessage | string;
  readonly chars: number;
}

/** Reads the output of a CLI line by line, and passes to the SDK what only the SDK can answer. */
export class CliOutput {
  /** The stream that the SDK reads instead of the CLI's output. */
  readonly #rest = new Readable({ read: () => undefined });
  /**
   * Messages, and requests to the SDK. Whoever decides on a tool call must have received everything that came before it, such as
   * the result of the previous turn.
   */
  #queue: Queued[] = [];
  #queuedChars = 0;
  /** The beginning of a line whose end has not come yet. */
  #begun = "";
  #ended: { readonly error: unknown } | undefined;
  #wake: () => void = () => undefined;
  /** Why no more of the output is read. */
  #broken: Error | undefined;

  /** @param control says which lines the SDK may get; undefined: all */
  constructor(
    private readonly mirror?: MirrorOutput,
    private readonly control?: Pick<ControlLines, "mayPass">,
  ) {}

  /** Reads `from` from now on; returns what the SDK is to read. */
  divert(from: Readable): Readable {
    from.setEncoding("utf8");
    from.on("data", (text: string) => {
      if (this.#broken !== undefined) return;
      this.#take(text);
      this.#checkSize();
    });
    from.once("end", () => this.#close());
    // A child that could not be started has an output that is closed without an end.
    from.once("close", () => this.#close());
    from.on("error", () => this.#close());
    return this.#rest;
  }

  /** Ends the messages when the SDK has come to the end of its own, and for the same reason. */
  async endWith(running: AsyncIterable<SDKMessage>): Promise<void> {
    let error: unknown;
    try {
      // They have been read already.
      for await (const _ of running);
    } catch (thrown) {
      error = thrown;
    }
    this.#ended = { error: this.#broken ?? error };
    this.#wake();
  }

  /** The messages that have arrived since the last, all at once: each time costs several promises. A result comes by itself. */
  async *messages(): AsyncGenerator<readonly SDKMessage[], void> {
    for (;;) {
      const arrived = this.#shiftMessages();
      if (arrived.length > 0) {
        yield arrived;
        continue;
      }
      const next = this.#shift(1)[0];
      if (typeof next === "string") this.#rest.push(next);
      else if (next !== undefined) {
        // What is answered must be stored: another node may go on with it.
        if ((await this.mirror?.flush()) === false) continue;
        yield [next];
        // Whoever waited for the end of the turn must have worked it off before anything that follows is read.
        await nextRound();
      } else if (this.#ended !== undefined) {
        if (this.#ended.error !== undefined) throw this.#ended.error;
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  /** The messages before the next result or request. */
  #shiftMessages(): readonly SDKMessage[] {
    const arrived: SDKMessage[] = [];
    for (const { one } of this.#queue) {
      if (typeof one === "string" || one.type === "result") break;
      arrived.push(one);
    }
    this.#shift(arrived.length);
    return arrived;
  }

  #shift(count: number): readonly Queued["one"][] {
    return this.#queue.splice(0, count).map(({ one, chars }) => {
      this.#queuedChars -= chars;
      return one;
    });
  }

  #push(one: Queued["one"], { length: chars }: string): void {
    this.#queue.push({ one, chars });
    this.#queuedChars += chars;
  }

  #take(text: string): void {
    let from = 0;
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", from)) {
      const line = this.#begun + text.slice(from, end);
      this.#begun = "";
      from = end + 1;
      this.#takeLine(line);
    }
    this.#begun += text.slice(from);
    this.#wake();
  }

  /** The rest is read and dropped, so that the process can end. */
  #checkSize(): void {
    const isLong = this.#begun.length > MAX_LINE_CHARS || this.#queuedChars > MAX_QUEUED_CHARS;
    if (!isLong && this.#queue.length <= MAX_QUEUED) return;
    this.#begun = "";
    this.#broken = new Error(
      `the CLI wrote a line of more than ${MAX_LINE_CHARS} characters, or more than ${MAX_QUEUED} messages or more than ${MAX_QUEUED_CHARS} characters at once`,
    );
    // The process has not ended, and the SDK would wait for that.
    this.#ended = { error: this.#broken };
    this.#close();
  }

  #takeLine(line: string): void {
    if (!line.startsWith(CONTROL)) this.#takeParsed(line);
    else if (this.control?.mayPass(line) === false) return;
    else if (line.startsWith(RESPONSE)) this.#rest.push(`${line}\n`);
    else this.#push(`${line}\n`, line);
  }

  #takeParsed(line: string): void {
    const parsed = parse(line);
    if (parsed === undefined) return;
    if (parsed.type === "transcript_mirror") this.#takeMirrored(parsed);
    else if (isForSdk(parsed) && this.control?.mayPass(line) !== false) this.#rest.push(`${line}\n`);
    if (isMessage(parsed)) this.#push(parsed, line);
  }

  #takeMirrored(line: object): void {
    if (!("filePath" in line) || !("entries" in line)) return;
    const { filePath, entries } = line;
    if (typeof filePath === "string" && Array.isArray(entries)) this.mirror?.take(filePath, entries);
  }

  #close(): void {
    if (this.#rest.readableEnded || this.#rest.destroyed) return;
    if (this.#begun !== "") this.#takeLine(this.#begun);
    this.#begun = "";
    // There is no one to answer to.
    this.#queue = this.#queue.filter(({ one }) => typeof one !== "string");
    this.#rest.push(null);
    this.mirror?.ended();
    this.#wake();
  }
}

/** Undefined where it is not a line of the protocol: some other program may write to the same output. */
function parse(line: string): Line | undefined {
  try {
    const parsed: unknown = JSON.parse(line);
    return isLine(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function isLine(value: unknown): value is Line {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}

/** Protocol messages and results, and the idle state after which the SDK may close the CLI's input. */
function isForSdk(line: Line): boolean {
  return line.type === "result" || !isMessage(line) || isState(line);
}

function isState(line: SDKMessage): boolean {
  return line.type === "system" && line.subtype === "session_state_changed";
}

function isMessage(line: Line): line is SDKMessage {
  return !line.type.startsWith("control_") && line.type !== "keep_alive" && line.type !== "transcript_mirror";
}
