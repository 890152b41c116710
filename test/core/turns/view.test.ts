import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { EngineListener, EngineTurn, Ledger } from "@claudeway/ports";
import { createTestGateway } from "@claudeway/testing";
import { expect } from "chai";
import type { RunningGateway } from "#core/boot.js";
import { TurnViews } from "#core/turns/view.js";
import { TurnStream } from "#events/turn-stream.js";
import { ScriptedEngine } from "#testing/scripted-engine.js";
import { bootScripted, SECRET } from "./kit.js";

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

/** Notes the plan of every turn without holding it, and forgets what it ran. */
class Forgetful extends ScriptedEngine {
  readonly plans: WeakRef<object>[] = [];

  override async run(turn: EngineTurn, listener: EngineListener, stop: AbortSignal) {
    this.plans.push(new WeakRef(turn.plan));
    const result = await super.run(turn, listener, stop);
    this.ran.length = 0;
    return result;
  }
}

describe("a turn", () => {
  it("belongs to its key only, while it runs and after it has ended", async () => {
    let finish: () => void = () => undefined;
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const gateway = await createTestGateway({
      replies: () => [{ wait: finished }, "done"],
      keys: ["admin", "alice", "bob"],
    });
    try {
      const task = await gateway.fetch("/task/stream", {
        body: { prompt: "Hi", detach: true },
        key: "alice",
      });
      const path = `/turns/${task.headers.get("x-turn-id")}`;
      const seenBy = async (key: string) => {
        const answers = [await gateway.fetch(path, { key }), await gateway.fetch(`${path}/events`, { key })];
        // A stream that runs would hold the gateway's end up.
        await Promise.all(answers.map(({ body }) => body?.cancel()));
        return answers.map(({ status }) => status);
      };
      expect(await seenBy("alice")).to.deep.equal([200, 200]);
      // Not the admin's either: he reads everybody's turns in the dashboard.
      for (const key of ["bob", "admin"]) expect(await seenBy(key)).to.deep.equal([404, 404]);
      finish();
      await task.text();
      expect(await seenBy("alice")).to.deep.equal([200, 200]);
      for (const key of ["bob", "admin"]) expect(await seenBy(key)).to.deep.equal([404, 404]);
    } finally {
      finish();
      await gateway.close();
    }
  });
});

describe("a turn that changes while it is looked for", () => {
  const info = { id: "t", sessionId: "s", keyId: "alice", createdAt: "2026-01-01T00:00:00.000Z" };

  it("is found running when it goes on meanwhile", async () => {
    let turn: object | undefined;
    const read = async () => {
      turn = { info, running: true, stream: new TurnStream(), ended: new Promise(() => undefined) };
      return info;
    };
    const views = new TurnViews(Object({ get: () => turn }), ledgerOf(read));
    expect(await views.find("alice", "t")).to.include({ id: "t", state: "running" });
  });

  it("is found ended when it ends meanwhile", async () => {
    const found = [info, { ...info, ended: { at: info.createdAt, end: "completed" } }];
    const views = new TurnViews(
      Object({ get: () => undefined }),
      ledgerOf(async () => found.shift()),
    );
    expect(await views.find("alice", "t")).to.include({ id: "t", state: "completed" });
  });

  it("is not looked for again and again", async () => {
    let reads = 0;
    const read = async () => {
      reads++;
      return info;
    };
    const views = new TurnViews(Object({ get: () => undefined }), ledgerOf(read));
    const error = await views.find("alice", "t").catch((thrown: unknown) => thrown);
    expect(error).to.include({ code: "NOT_FOUND" });
    expect(reads).to.equal(2);
  });
});

describe("the memory of ended turns", () => {
  it("does not hold their prompts", async () => {
    const dir = mkdtempSync(join(tmpdir(), "claudeway-view-"));
    const engine = new Forgetful();
    const gateway = await bootScripted(dir, engine);
    try {
      for (let turn = 0; turn < 5; turn++) await ask(gateway, "x".repeat(1000));
      // What the last request left on its socket may still be there.
      for (let tries = 0; tries < 20 && held(engine) > 1; tries++) {
        await sleep(25);
        collect();
      }
      expect(engine.plans).to.have.length(5);
      expect(held(engine)).to.be.at.most(1);
    } finally {
      await gateway.close();
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it("is estimated at no less than its size, and not many times more", () => {
    const before = heap();
    const streams = Array.from({ length: 200 }, (_, index) => answered(index));
    const taken = heap() - before;
    const counted = streams.reduce((sum, { bytes }) => sum + bytes, 0);
    expect(counted / taken).to.be.within(1, 4);
  });
});

/** A ledger of one turn, whose response is there. */
function ledgerOf(get: () => Promise<object | undefined>): Ledger {
  return Object({ turns: { get, response: async () => ({ result: "done", success: true }) } });
}

function held({ plans }: Forgetful): number {
  return plans.filter((plan) => plan.deref() !== undefined).length;
}

function heap(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

/** A stream of 500 short pieces, of a call that was denied, and of an answer that says it all again. */
function answered(index: number): TurnStream {
  const stream = new TurnStream();
  for (let piece = 0; piece < 500; piece++) {
    stream.push({
      type: "text",
      delta: `${String.fromCharCode(0x4e00 + (piece % 5000))} ${index} ${piece} `,
    });
  }
  const denials = [
    { tool_use_id: `toolu_${index}`, tool_name: "Bash", tool_input: { command: `echo ${index}` } },
  ];
  stream.push({
    type: "done",
    response: {
      session_id: `session-${index}`,
      result: Buffer.from(stream.text).toString(),
      success: true,
      duration_ms: index,
      tokens: { input: 0, output: 0, cache_read: 0, cache_write: 0 },
      cost_usd: 0,
      error: null,
      permission_denials: denials,
    },
  });
  return stream;
}

async function ask({ address }: RunningGateway, prompt: string): Promise<void> {
  const answer = await fetch(`${address.url}/task`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${SECRET}`,
      "content-type": "application/json",
      connection: "close",
    },
    body: JSON.stringify({ prompt }),
  });
  expect(await answer.json()).to.include({ success: true });
}
