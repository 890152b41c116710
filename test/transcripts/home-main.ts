import { randomUUID } from "node:crypto";
import { type Claim, FencedError, type Transcripts } from "@claudeway/ports";
import { Stage } from "../engine-claude/stage.js";
import type { HomeSetting, Order, Reply, Saying } from "./home-process.js";
import { claude, runOn } from "./two-homes.js";

/* The process of a `HomeProcess`. */

const claims = new Map<string, Claim>();
const replies = new Map<string, (reply: Reply) => void>();
let stage: Stage | undefined;

function say(saying: Saying): void {
  process.send?.(saying);
}

async function call<T>(method: keyof Transcripts, args: readonly unknown[]): Promise<T> {
  const id = randomUUID();
  const answered = new Promise<Reply>((resolve) => replies.set(id, resolve));
  say({ call: id, method, json: JSON.stringify(args) });
  const { json, error, fenced } = await answered;
  if (fenced !== undefined) throw new FencedError(fenced);
  if (error !== undefined) throw new Error(error);
  const value: T = JSON.parse(json) ?? undefined;
  return value;
}

const transcripts: Transcripts = {
  session: (...args) => call("session", args),
  find: (...args) => call("find", args),
  read: (...args) => call("read", args),
  append: ({ sessionId, epoch }, ...args) => call("append", [{ sessionId, epoch }, ...args]),
  setLacking: ({ sessionId, epoch }, ...args) => call("setLacking", [{ sessionId, epoch }, ...args]),
};

function open({ env, workdir, installation }: HomeSetting): Stage {
  const shared = { transcripts, held: (session: string) => claims.get(session) };
  return new Stage({ program: claude(), env, workdir, options: { shared, installation } });
}

async function obey(order: Order): Promise<unknown> {
  if ("setting" in order) {
    stage = open(order.setting);
    return undefined;
  }
  if (stage === undefined) throw new Error("no setting came");
  if ("release" in order) return stage.engine.release(order.release);
  const { run, prompt, epoch } = order;
  if (epoch !== undefined)
    claims.set(run.session, { sessionId: run.session, epoch, lost: new AbortController().signal });
  return runOn(stage, prompt, run);
}

process.on("message", (message: Order | Reply) => {
  if ("reply" in message) {
    replies.get(message.reply)?.(message);
    return;
  }
  void obey(message).then(
    (value) => say({ done: message.id, json: JSON.stringify(value) ?? "null" }),
    (error: unknown) => say({ done: message.id, json: "null", error: String(error) }),
  );
});
process.once("SIGTERM", () => void stage?.engine.close().then(() => process.exit(0)));
