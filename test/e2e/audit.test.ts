import { readdirSync, readFileSync, statSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { AuditLine, TurnResponse } from "@claudeway/schemas";
import { expect } from "chai";
import { readAudit, readTurnLines } from "./audit-lines.js";
import { Conversation } from "./conversation.js";
import { KEYS, TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";
import { inTheMiddle, killChild } from "./ways.js";

const REFUSES = fileURLToPath(new URL("../fixtures/plugins/refuses", import.meta.url));
const FORGED = '{"timestamp":"2026-01-01T00:00:00.000Z","level":"INFO","key_id":"bob","message":"forged"}';

describe("the audit log", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start({ args: ["--enable-plugin", REFUSES], env: { IS_SANDBOX: "1" } });
  });
  after(() => gateway.dispose());

  const lineOf = (turnId: string) =>
    eventually(`the line of ${turnId}`, () =>
      readTurnLines(gateway.logDir, "admin").find((line) => line.turn_id === turnId),
    );

  it("has one line for each turn, with the fields of the contract", async () => {
    const talk = await Conversation.start(gateway);
    const answer = await talk.say("[[words 3]]");
    const turnId = answer.headers.get("x-turn-id") ?? "";
    const line = await lineOf(turnId);
    const { body } = answer;
    expect(line).to.deep.include({
      level: "INFO",
      key_id: "admin",
      session_id: talk.id,
      claude_exit_code: 0,
      duration_ms: body.duration_ms,
      success: true,
      tokens: body.tokens,
      cost_usd: body.cost_usd,
    });
    expect(line.model).to.match(/^claude-/);
    expect(Math.abs(Date.parse(line.timestamp) - Date.now())).to.be.below(60_000);
  });

  it("records how each turn ended", async () => {
    const turns: Record<string, () => Promise<unknown>> = {};
    const talks: Record<string, Conversation> = {};
    for (const how of ["completed", "failed", "refused", "interrupted", "timeout", "killed"]) {
      talks[how] = await Conversation.start(gateway);
    }
    const talk = (how: string) => {
      const found = talks[how];
      if (found === undefined) throw new Error(how);
      return found;
    };
    turns["completed"] = () => talk("completed").say("[[words 2]]");
    turns["failed"] = () => talk("failed").say("[[fail 400 no]]");
    turns["refused"] = () => talk("refused").say("[[refuse]]");
    turns["interrupted"] = () =>
      inTheMiddle(talk("interrupted"), "tool call", (_turn, leave) => leave.abort());
    turns["timeout"] = () => talk("timeout").say("[[hang]]", { timeoutSecs: 2 });
    turns["killed"] = () => inTheMiddle(talk("killed"), "tool call", killChild);
    await Promise.all(Object.values(turns).map((run) => run()));

    const of = async (how: string): Promise<AuditLine> => {
      const { id } = await talk(how).ended();
      const line = await lineOf(id);
      const all = readTurnLines(gateway.logDir, "admin").filter(({ turn_id }) => turn_id === id);
      expect(all, how).to.have.length(1);
      return line;
    };
    expect(await of("completed")).to.include({ success: true, claude_exit_code: 0, level: "INFO" });
    expect(await of("failed")).to.include({ success: false, claude_exit_code: 0, level: "WARN" });
    expect(await of("refused")).to.include({ success: false, claude_exit_code: null, cost_usd: 0 });
    expect(await of("interrupted")).to.include({ success: false, claude_exit_code: 0 });
    expect((await of("timeout")).message).to.contain("timeout");
    expect(await of("killed")).to.include({ success: false, claude_exit_code: null, cost_estimated: true });
  });

  it("has a line for each request in its key's folder, unauthenticated ones apart", async () => {
    await gateway.request("/sessions?page=1", { key: KEYS.bob });
    await gateway.request("/session/nope", { key: KEYS.bob });
    await gateway.request("/sessions", { key: null });
    await gateway.request("/sessions", { key: "sk-wrong" });
    const bobs = await eventually("bob's lines", () => {
      const lines = readAudit(gateway.logDir, "bob").filter(({ method }) => method !== undefined);
      return lines.length >= 2 && lines;
    });
    expect(bobs.map(({ method, path, status }) => [method, path, status])).to.deep.equal([
      ["GET", "/sessions", 200],
      ["GET", "/session/nope", 404],
    ]);
    const strangers = await eventually("the strangers' lines", () => {
      const lines = readAudit(gateway.logDir, "_unauthorized");
      return lines.length >= 2 && lines;
    });
    for (const line of strangers) expect(line).to.include({ key_id: null, status: 401, path: "/sessions" });
    expect(JSON.stringify(strangers)).to.not.contain("sk-wrong");
  });

  it("can't be forged by a newline in a prompt, a model's error or a path", async () => {
    const talk = await Conversation.start(gateway);
    await talk.say(`[[words 1]]\n${FORGED}\n`);
    await talk.say(`[[fail 400 no\n${FORGED}\n]]`);
    await rawRequest(gateway, `/session/x%0A${encodeURIComponent(FORGED)}%0A`, KEYS.admin);
    await rawRequest(gateway, `/x%0D%0A${encodeURIComponent(FORGED)}`, "sk-nobody");
    await gateway.request<TurnResponse>("/task", { body: { prompt: `[[fail 400 \u2028${FORGED}\u2028]]` } });
    const { id } = await talk.ended();
    await lineOf(id);
    for (const folder of readdirSync(gateway.logDir)) {
      for (const line of readAudit(gateway.logDir, folder)) expect(line.message).to.not.equal("forged");
    }
  });

  it("is in monthly files that only the owner can read, without prompts", async () => {
    const talk = await Conversation.start(gateway);
    await talk.say("[[words 1]] a secret of mine");
    await lineOf((await talk.ended()).id);
    const names = readdirSync(join(gateway.logDir, "admin"));
    expect(names).to.deep.equal([`${new Date().toISOString().slice(0, 7)}.log`]);
    expect(statSync(gateway.logDir).mode & 0o777).to.equal(0o700);
    expect(statSync(gateway.dataDir).mode & 0o777).to.equal(0o700);
    expect(readFileSync(join(gateway.logDir, "admin", names[0] ?? ""), "utf8")).to.not.contain(
      "a secret of mine",
    );
  });
});

/** A path as it is, past what a URL object would make of it. */
async function rawRequest(gateway: TestGateway, path: string, key: string): Promise<void> {
  const { hostname, port } = new URL(gateway.url);
  await new Promise<void>((resolve, reject) => {
    request({ hostname, port, path, headers: { authorization: `Bearer ${key}` } }, (response) => {
      response.resume();
      response.once("end", resolve);
    })
      .once("error", reject)
      .end();
  });
}
