import { type ChildProcess, fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { FencedError, type SharedTranscripts, type Transcripts } from "@claudeway/ports";
import { endMarked } from "#engine-claude/reaper.js";
import type { Ran } from "../engine-claude/stage.js";
import type { HomeEngine, HomeTurn } from "./home-engine.js";

const PROGRAM = fileURLToPath(new URL("./home-main.ts", import.meta.url));

export interface HomeSetting {
  readonly env: Readonly<Record<string, string>>;
  readonly workdir: string;
  readonly installation: string;
}

/** What the engine's process is asked. */
export type Order =
  | { readonly id: string; readonly setting: HomeSetting }
  | {
      readonly id: string;
      readonly run: HomeTurn;
      readonly prompt: string;
      readonly epoch: number | undefined;
    }
  | { readonly id: string; readonly release: string };

interface Done {
  readonly done: string;
  readonly json: string;
  readonly error?: string;
}

/** What it says. */
export type Saying =
  | Done
  | { readonly call: string; readonly method: keyof Transcripts; readonly json: string };

/** What it called of the store has answered. */
export interface Reply {
  readonly reply: string;
  readonly json: string;
  readonly error?: string;
  /** The session whose claim was lost. */
  readonly fenced?: string;
}

/** An engine in a process of its own, as a gateway that can be killed. The store stays in this process. */
export class HomeProcess implements HomeEngine {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<string, (done: Done) => void>();
  readonly #installation = `unit-${randomUUID()}`;
  readonly #ready: Promise<unknown>;
  readonly #exited: Promise<unknown>;

  constructor(
    private readonly parts: Omit<HomeSetting, "installation"> & { readonly shared: SharedTranscripts },
  ) {
    this.#child = fork(PROGRAM, {
      execArgv: ["--conditions=unbundled", "--import", "tsx"],
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    this.#exited = once(this.#child, "exit");
    this.#child.on("message", (saying: Saying) => void this.#hear(saying));
    const { env, workdir } = parts;
    const setting = { env, workdir, installation: this.#installation };
    this.#ready = this.#ask((id) => ({ id, setting }));
  }

  async run(prompt: string, run: HomeTurn): Promise<Ran> {
    await this.#ready;
    const epoch = this.parts.shared.held(run.session)?.epoch;
    const ran: Ran = JSON.parse(await this.#ask((id) => ({ id, run, prompt, epoch })));
    return ran;
  }

  async release(session: string): Promise<void> {
    await this.#ask((id) => ({ id, release: session }));
  }

  /** Ends the process, and what it left where it was killed: as the guard does. */
  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    this.#child.kill(signal);
    await this.#exited;
    await endMarked(this.#installation, 0);
  }

  async close(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.end("SIGTERM");
  }

  async #ask(order: (id: string) => Order): Promise<string> {
    const id = randomUUID();
    const answer = new Promise<Done>((resolve) => this.#waiting.set(id, resolve));
    this.#child.send(order(id));
    const killed = this.#exited.then((): Done => ({ done: id, json: "null", error: "killed" }));
    const { json, error } = await Promise.race([answer, killed]);
    if (error !== undefined) throw new Error(error);
    return json;
  }

  async #hear(saying: Saying): Promise<void> {
    if ("done" in saying) {
      this.#waiting.get(saying.done)?.(saying);
      this.#waiting.delete(saying.done);
      return;
    }
    const { call, method, json } = saying;
    const reply = await this.#call(method, json).then(
      (value): Reply => ({ reply: call, json: JSON.stringify(value) ?? "null" }),
      (error: unknown): Reply => ({
        reply: call,
        json: "null",
        error: String(error),
        ...(error instanceof FencedError && { fenced: error.sessionId }),
      }),
    );
    if (this.#child.connected) this.#child.send(reply);
  }

  #call(method: keyof Transcripts, json: string): Promise<unknown> {
    const { transcripts } = this.parts.shared;
    const [one, two, three] = JSON.parse(json);
    switch (method) {
      case "session":
        return transcripts.session(one);
      case "find":
        return transcripts.find(one);
      case "read":
        return transcripts.read(one, two);
      case "append":
        return transcripts.append(one, two, three);
      case "setLacking":
        return transcripts.setLacking(one, two);
    }
  }
}
