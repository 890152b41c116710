import { setTimeout as sleep } from "node:timers/promises";
import {
  type AppendOutcome,
  type Claim,
  FencedError,
  type TranscriptPart,
  type Transcripts,
} from "@claudeway/ports";
import { fileNamed, keyOf, partsOf, type TranscriptFile } from "./transcript-parts.js";

/** Pauses before a part that could not be stored is tried again, in ms. */
const PAUSES_MS = [200, 800];
/** How long one try may take, in ms. */
const APPEND_MS = 30_000;
/** Lines that wait to be stored, in characters. Beyond that they are read from the file later. */
const MAX_WAITING_CHARS = 32 * 1024 * 1024;

export interface MirrorParts {
  readonly transcripts: Transcripts;
  /** The gateway's id of the session. */
  readonly sessionId: string;
  /** This node's claim on it. */
  readonly claim: () => Claim | undefined;
  /** The CLI has written to this conversation. */
  readonly wrote: (conversation: string) => void;
  /** Entries could not be stored, under this epoch: they are only in the CLI's own files. */
  readonly lost: (error: unknown, epoch: number | undefined) => Promise<void>;
  /**
   * Stores what the files have and the store lacks. Resolves to the number of the session's last part, and what was found in
   * the files; rejects if it could not be done.
   */
  readonly repair: (claim: Claim) => Promise<Pick<Repaired, "end" | "known">>;
  /** The session must no longer be worked on here. */
  readonly fenced: () => void;
}

export interface Repaired {
  readonly end: number;
  /** The entries that are in the files and in the store now, by `keyOf`. */
  readonly known: ReadonlySet<string>;
  /** Entries are in the store that are not in the files. */
  readonly filesLack: boolean;
}

interface Waiting {
  readonly file: TranscriptFile;
  readonly lines: string[];
}

/**
 * Stores what a CLI writes to its transcripts, as it says so. A part is sent as soon as the one before it is stored; what
 * comes meanwhile goes with the next one. The CLI has written it to its file before.
 */
export class TranscriptMirror {
  #claim: Claim | undefined;
  /** The number of the session's last part; undefined until it was asked for. */
  #end: number | undefined;
  #waiting: Waiting[] = [];
  #chars = 0;
  #sending: Promise<void> | undefined;
  /** "fenced": the session is another node's. */
  #state: "whole" | "lacking" | "over" | "fenced" = "whole";
  readonly #leave = () => this.#fence();

  constructor(private readonly parts: MirrorParts) {}

  /** Whether all that the files have is stored. */
  get isWhole(): boolean {
    return this.#state === "whole" || this.#state === "over";
  }

  /** The epoch under which it stores; undefined before the first entry. */
  get epoch(): number | undefined {
    return this.#claim?.epoch;
  }

  /** The number of the last part that it stored; undefined if it stored none. */
  get end(): number | undefined {
    return this.#end;
  }

  /** Notes entries that the CLI has written to a file. */
  take(path: string, entries: readonly unknown[]): void {
    const file = fileNamed(path);
    if (file === undefined) void this.#lose(new Error(`${path} is not a transcript`));
    else
      this.add(
        file,
        entries.map((entry) => JSON.stringify(entry)),
      );
  }

  add(file: TranscriptFile, lines: readonly string[]): void {
    this.parts.wrote(file.conversation);
    // They are in the file, which a repair reads.
    if (this.#state !== "whole") return;
    const last = this.#waiting.at(-1);
    if (last !== undefined && isSame(last.file, file)) last.lines.push(...lines);
    else this.#waiting.push({ file, lines: [...lines] });
    this.#chars += lines.reduce((sum, line) => sum + line.length, 0);
    if (this.#chars > MAX_WAITING_CHARS) void this.#lose(new Error("too many entries wait to be stored"));
    else this.#send();
  }

  /** See `ProcessMirror.flush`. */
  async flush(): Promise<boolean> {
    while (this.#sending !== undefined) await this.#sending;
    if (this.#state === "lacking") await this.#repair();
    return this.#state !== "fenced";
  }

  /** The CLI has ended. */
  async close(): Promise<void> {
    await this.flush();
    this.#claim?.lost.removeEventListener("abort", this.#leave);
    if (this.#state === "whole") this.#state = "over";
  }

  #send(): void {
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined;
    });
  }

  async #sendAll(): Promise<void> {
    // What arrives in one piece of the CLI's output goes together.
    await undefined;
    try {
      while (this.#waiting.length > 0 && this.#state === "whole") {
        const claim = this.#claimed();
        this.#end ??= (await this.parts.transcripts.session(claim.sessionId))?.end ?? 0;
        const waiting = this.#waiting;
        this.#waiting = [];
        this.#chars = 0;
        for (const { file, lines } of waiting)
          for (const part of partsOf(file, lines)) await this.#append(claim, part, this.#end);
      }
    } catch (error) {
      await this.#lose(error);
    }
  }

  async #append(claim: Claim, part: TranscriptPart, after: number): Promise<void> {
    // Those of a batch follow each other.
    const outcome = await this.#try(claim, part, this.#end ?? after);
    if (outcome === "too large") throw new Error("the session's transcript is larger than can be stored");
    if (outcome === "deleted") this.#state = "over";
    else this.#end = outcome;
  }

  async #try(claim: Claim, part: TranscriptPart, after: number): Promise<AppendOutcome> {
    for (let attempt = 0; ; attempt++) {
      const pause = PAUSES_MS[attempt];
      try {
        return await within(this.parts.transcripts.append(claim, part, after), claim.lost);
      } catch (error) {
        // One that did not answer may still be under way.
        if (error instanceof FencedError || error instanceof TooLate || claim.lost.aborted) throw error;
        if (pause === undefined) throw error;
      }
      await sleep(pause, undefined, { ref: false });
    }
  }

  #claimed(): Claim {
    if (this.#claim !== undefined) return this.#claim;
    const { sessionId } = this.parts;
    const claim = this.parts.claim();
    // Bound once: what a process writes belongs to the claim that it began under.
    if (claim === undefined || claim.lost.aborted) throw new FencedError(sessionId);
    this.#claim = claim;
    claim.lost.addEventListener("abort", this.#leave, { once: true });
    return claim;
  }

  async #lose(error: unknown): Promise<void> {
    this.#waiting = [];
    this.#chars = 0;
    if (this.#state !== "whole") return;
    this.#state = "lacking";
    if (error instanceof FencedError) this.#fence();
    else await this.parts.lost(error, this.#claim?.epoch);
  }

  /** What is not stored by now never will be: the session is another's. */
  #fence(): void {
    this.#state = "fenced";
    this.parts.fenced();
  }

  async #repair(): Promise<void> {
    const claim = this.#claim;
    if (claim === undefined) return;
    try {
      // What the CLI says from now on may be in the file before it is read.
      this.#state = "whole";
      const repairing = this.parts.repair(claim);
      this.#sending = repairing.then(
        () => undefined,
        () => undefined,
      );
      const { end, known } = await repairing;
      this.#end = end;
      this.#waiting = this.#waiting.map(({ file, lines }) => ({
        file,
        lines: lines.filter((line) => !known.has(keyOf(line))),
      }));
      this.#sending = undefined;
      this.#send();
      while (this.#sending !== undefined) await this.#sending;
    } catch (error) {
      this.#sending = undefined;
      this.#waiting = [];
      this.#chars = 0;
      // The session may have been lost meanwhile, whatever the repair failed with.
      if (this.#state === "fenced") return;
      this.#state = "lacking";
      if (error instanceof FencedError) this.#fence();
    }
  }
}

/** A store that did not answer in time. */
class TooLate extends Error {}

async function within<T>(answer: Promise<T>, lost: AbortSignal): Promise<T> {
  let leave: () => void = () => undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const timer = setTimeout(
      () => reject(new TooLate(`the store of transcripts did not answer within ${APPEND_MS} ms`)),
      APPEND_MS,
    );
    const stop = () => reject(new TooLate("the session was lost while its transcript was stored"));
    lost.addEventListener("abort", stop, { once: true });
    leave = () => {
      clearTimeout(timer);
      lost.removeEventListener("abort", stop);
    };
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    leave();
  }
}

function isSame(one: TranscriptFile, other: TranscriptFile): boolean {
  return one.conversation === other.conversation && one.subpath === other.subpath;
}
