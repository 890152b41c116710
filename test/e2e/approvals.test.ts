import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { readEvents } from "#testing/event-parser.js";
import {
  asking,
  decide,
  newSession,
  onlyPending,
  pending,
  prompt,
  read,
  startAsking,
} from "./approval-kit.js";
import { KEYS, type TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";
import { areTwoNodes } from "./two-nodes.js";

describe("approvals, decided live", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await startAsking({ live_wait_secs: 600 });
  });
  after(() => gateway.dispose());

  it("says in the banner that calls are decided", () => {
    expect(gateway.stdout).to.include("Permissions: every tool call is decided by a plugin's rules");
    expect(gateway.stdout).not.to.include("bypassed");
  });

  it("allow: the call runs as it was shown, and not before", async () => {
    const session = await newSession(gateway);
    const answer = prompt(gateway, session, "[[write a.txt A]]");
    const approval = await onlyPending(gateway, session);
    expect(approval).to.include({
      tool: "Write",
      kind: "tool",
      status: "pending",
      parked: false,
      key_id: "admin",
    });
    expect(approval.input).to.deep.equal({ file_path: join(session.workdir, "a.txt"), content: "A" });
    expect(read(session, "a.txt")).to.equal(undefined);
    const { status, body } = await decide(gateway, approval.id, { decision: "allow" });
    expect(status).to.equal(200);
    expect(body).to.include({ status: "allowed" });
    expect(body.decision).to.include({ channel: "admin", who: "admin", decision: "allow" });
    expect(body.decision?.from).to.match(/127\.0\.0\.1/);
    expect((await answer).body).to.include({ success: true, error: null });
    expect((await answer).body).not.to.have.any.keys("pending_approval", "permission_denials");
    expect(read(session, "a.txt")).to.equal("A");
  });

  it("deny: the model reads the message, and nothing is written", async () => {
    const session = await newSession(gateway);
    const answer = prompt(gateway, session, "[[write a.txt A]]");
    const { id } = await onlyPending(gateway, session);
    await decide(gateway, id, { decision: "deny", message: "not on a Friday" });
    const { body } = await answer;
    expect(body.result).to.include("not on a Friday");
    expect(body.permission_denials?.map(({ tool_name }) => tool_name)).to.deep.equal(["Write"]);
    expect(read(session, "a.txt")).to.equal(undefined);
  });

  it("changed input: runs with that, unless a rule denies it", async () => {
    const session = await newSession(gateway);
    const answer = prompt(gateway, session, "[[write a.txt A]]");
    const { id } = await onlyPending(gateway, session);
    const changed = { file_path: join(session.workdir, "b.txt"), content: "B" };
    const denied = await decide(gateway, id, {
      decision: "allow",
      updated_input: { ...changed, content: "FORBIDDEN" },
    });
    expect(denied.status, JSON.stringify(denied.body)).to.equal(403);
    expect(denied.body.error).to.include("forbidden by a rule");
    expect((await onlyPending(gateway, session)).id).to.equal(id);
    await decide(gateway, id, { decision: "allow", updated_input: changed });
    await answer;
    expect([read(session, "a.txt"), read(session, "b.txt")]).to.deep.equal([undefined, "B"]);
  });

  it("session scope: identical calls run without asking in this session, until revoked", async () => {
    const session = await newSession(gateway);
    const write = "[[write a.txt A]]";
    const first = prompt(gateway, session, write);
    const { id } = await onlyPending(gateway, session);
    await decide(gateway, id, { decision: "allow", scope: "session" });
    await first;
    rmSync(join(session.workdir, "a.txt"));
    await prompt(gateway, session, write);
    expect(read(session, "a.txt")).to.equal("A");
    rmSync(join(session.workdir, "a.txt"));

    const elsewhere = await newSession(gateway);
    for (const [where, text] of [
      [session, "[[write a.txt AA]]"],
      [elsewhere, `[[write ${join(session.workdir, "a.txt")} A]]`],
    ] as const) {
      const answer = prompt(gateway, where, text);
      await decide(gateway, (await onlyPending(gateway, where)).id, { decision: "deny" });
      expect((await answer).body.permission_denials, text).to.have.length(1);
    }

    const { body: listed } = await gateway.request<{
      grants: { id: string; tool: string; approval_id: string }[];
    }>(`/approvals/grants?session_id=${session.id}`);
    expect(listed.grants).to.have.length(1);
    const [grant] = listed.grants;
    expect(grant).to.include({ tool: "Write", approval_id: id });
    const path = `/approvals/grants/${grant?.id}`;
    expect((await gateway.request(path, { method: "DELETE", key: KEYS.bob })).status).to.equal(404);
    expect((await gateway.request(path, { method: "DELETE" })).body).to.include({ revoked: true });
    expect((await gateway.request(path, { method: "DELETE" })).status).to.equal(404);
    const again = prompt(gateway, session, write);
    await decide(gateway, (await onlyPending(gateway, session)).id, { decision: "deny" });
    expect((await again).body.permission_denials).to.have.length(1);
  });

  it("a question is answered by the decision", async () => {
    const session = await newSession(gateway);
    const answer = prompt(gateway, session, "[[ask Which way?|left|right]]");
    const approval = await onlyPending(gateway, session);
    expect(approval).to.include({ tool: "AskUserQuestion", kind: "question" });
    const bare = await decide(gateway, approval.id, { decision: "allow" });
    expect(bare.status).to.equal(400);
    const wrong = await decide(gateway, approval.id, {
      decision: "allow",
      updated_input: { answers: { "What way?": "left" } },
    });
    expect(wrong.status).to.equal(400);
    await decide(gateway, approval.id, {
      decision: "allow",
      updated_input: { answers: { "Which way?": "right" } },
    });
    expect((await answer).body.result).to.include('"Which way?"="right"');
  });

  it("rules: allow and deny without asking; no answer, and rules that break, deny", async () => {
    const session = await newSession(gateway);
    for (const word of ["FORBIDDEN", "NO-ANSWER", "THROW"]) {
      const { body } = await prompt(gateway, session, `[[write ${word}.txt x]]`);
      expect(body.permission_denials, word).to.have.length(1);
      expect(read(session, `${word}.txt`), word).to.equal(undefined);
    }
    await gateway.logs("the rules broke");
  });

  it("streams report the request and its end", async () => {
    const session = await newSession(gateway);
    const response = await gateway.fetch(`/session/${session.id}/stream`, {
      body: { prompt: "[[write a.txt A]]" },
    });
    const events: string[] = [];
    for await (const { event, data } of readEvents(response)) {
      if (event !== "text") events.push(event);
      if (event === "permission_request") {
        const { id, status } = JSON.parse(data);
        expect(status).to.equal("pending");
        await decide(gateway, id, { decision: "allow" });
      }
      if (event === "permission_resolved") expect(JSON.parse(data).status).to.equal("allowed");
    }
    expect(events).to.deep.equal(["permission_request", "permission_resolved", "done"]);
  });

  it("belongs to the key; the admin sees and decides all", async () => {
    const session = await newSession(gateway, KEYS.bob);
    const answer = prompt(gateway, session, "[[write a.txt A]]", {}, KEYS.bob);
    const approval = await onlyPending(gateway, session);
    const asAdmins = await newSession(gateway);
    const adminsAnswer = prompt(gateway, asAdmins, "[[write a.txt A]]");
    const admins = await onlyPending(gateway, asAdmins);
    const own = await gateway.request<{ approvals: { id: string }[]; total: number }>(
      "/approvals?status=pending",
      {
        key: KEYS.bob,
      },
    );
    expect(own.body.approvals.map(({ id }) => id)).to.deep.equal([approval.id]);
    expect(own.body.total).to.equal(1);
    for (const request of [{}, { body: { decision: "allow" } }]) {
      const { status } = await gateway.request(`/approvals/${admins.id}`, { ...request, key: KEYS.bob });
      expect(status).to.equal(404);
    }
    expect((await gateway.request(`/approvals/${approval.id}`)).status).to.equal(200);
    const decided = await decide(gateway, approval.id, { decision: "deny" });
    expect(decided.body.decision).to.include({ channel: "admin", who: "admin" });
    await decide(gateway, admins.id, { decision: "deny" });
    await Promise.all([answer, adminsAnswer]);
    const late = await decide(gateway, approval.id, { decision: "allow" }, { key: KEYS.bob });
    expect(late.status).to.equal(409);
    expect(late.body).to.include({ code: "CONFLICT", approval_id: approval.id });
    expect(late.body.error).to.match(/denied by admin admin from .* at \d{4}-/);
    expect((await gateway.request("/approvals?status=nope")).status).to.equal(400);
    expect((await gateway.request("/approvals", { key: null })).status).to.equal(401);
    expect((await gateway.request("/approvals/none")).status).to.equal(404);
  });

  it("POST /session/:id/approve decides a call that waits", async () => {
    const session = await newSession(gateway);
    const answer = prompt(gateway, session, "[[write a.txt A]]");
    const { tool_use_id, turn_id } = await onlyPending(gateway, session);
    const both = await gateway.request(`/session/${session.id}/approve`, {
      body: { tool_use_ids: [tool_use_id, "toolu_other"] },
    });
    expect(both.status).to.equal(400);
    const approved = await gateway.request(`/session/${session.id}/approve`, {
      body: { tool_use_ids: [tool_use_id] },
    });
    expect(approved.headers.get("x-turn-id")).to.equal(turn_id);
    expect(approved.body).to.deep.equal((await answer).body);
    expect(read(session, "a.txt")).to.equal("A");
  });

  it("an approved call that a rule denies stays denied", async () => {
    const session = await newSession(gateway);
    const { body } = await prompt(gateway, session, "[[write FORBIDDEN.txt x]]");
    const [denial] = body.permission_denials ?? [];
    const approved = await gateway.request(`/session/${session.id}/approve`, {
      body: { tool_use_ids: [denial?.tool_use_id] },
    });
    expect(approved.status).to.equal(403);
    expect(read(session, "FORBIDDEN.txt")).to.equal(undefined);
  });

  it("an interrupted turn withdraws its request", async () => {
    const session = await newSession(gateway);
    const answer = prompt(gateway, session, "[[write a.txt A]]");
    const { id } = await onlyPending(gateway, session);
    await gateway.request(`/session/${session.id}/interrupt`, { body: {} });
    expect((await answer).body.success).to.equal(false);
    const { body } = await gateway.request(`/approvals/${id}`);
    expect(body).to.include({ status: "withdrawn" });
    expect((await decide(gateway, id, { decision: "allow" })).status).to.equal(409);
    const next = await prompt(gateway, session, "[[say on we go]]");
    expect(next.body.result).to.equal("on we go");
    expect(read(session, "a.txt")).to.equal(undefined);
  });

  it("a mention reads no file that the rules do not allow, and stays as it was sent", async () => {
    const session = await newSession(gateway);
    const text = "what is in @/etc/hostname?";
    await prompt(gateway, session, text);
    const asked = gateway.model
      .requests()
      .find(({ sessionId, kind }) => sessionId === session.id && kind === "turn");
    expect(asked?.prompt).to.equal(text);
  });

  it("a subagent's call is asked about too", async () => {
    const session = await newSession(gateway);
    const answer = prompt(gateway, session, "[[subagent [[write s.txt S]]]]");
    const { id, tool } = await onlyPending(gateway, session);
    expect(tool).to.equal("Write");
    await decide(gateway, id, { decision: "allow" });
    await answer;
    expect(read(session, "s.txt")).to.equal("S");
  });

  it("10 races end to end: one decision each, and it is what happened", async () => {
    const session = await newSession(gateway, KEYS.bob);
    for (let round = 0; round < 10; round++) {
      const answer = prompt(gateway, session, `[[write race${round}.txt R]]`, {}, KEYS.bob);
      const { id } = await onlyPending(gateway, session);
      const asBob = { key: KEYS.bob };
      const answers = await Promise.all([
        decide(gateway, id, { decision: "allow" }),
        decide(gateway, id, { decision: "deny" }, asBob),
        decide(gateway, id, { decision: "deny" }),
        decide(gateway, id, { decision: "allow" }, asBob),
      ]);
      expect(answers.map(({ status }) => status).sort()).to.deep.equal([200, 409, 409, 409]);
      const winner = answers.find(({ status }) => status === 200);
      await answer;
      const written = read(session, `race${round}.txt`) === "R";
      expect(written).to.equal(winner?.body.status === "allowed");
    }
  });

  describe("the page behind a link", () => {
    async function linkOf(id: string): Promise<string> {
      return eventually("a link", () => new RegExp(`link ${id} (\\S+)`).exec(gateway.stdout)?.[1]);
    }
    const form = (text: string) => ({
      key: null,
      method: "POST",
      body: text,
      headers: { "content-type": "application/x-www-form-urlencoded" },
    });

    it("GET shows and decides nothing, POST decides, once; the token is in no log", async () => {
      const session = await newSession(gateway);
      const answer = prompt(gateway, session, '[[write a.txt "<b>bold</b> \\u202e\\u200bhidden"]]');
      const { id } = await onlyPending(gateway, session);
      const link = await linkOf(id);
      const shown = await gateway.fetch(link, { key: null });
      const html = await shown.text();
      expect(shown.status).to.equal(200);
      expect(shown.headers.get("content-security-policy")).to.match(/^default-src 'none';/);
      expect(shown.headers.get("referrer-policy")).to.equal("no-referrer");
      expect(html).to.include("&#60;b&#62;bold&#60;/b&#62; ⟨U+202E⟩⟨U+200B⟩hidden");
      expect(html).not.to.match(/<script|<b>/);
      expect((await gateway.fetch(link, { key: null, method: "HEAD" })).status).to.equal(200);
      expect((await onlyPending(gateway, session)).id).to.equal(id);
      expect((await gateway.fetch(link, form("decision=maybe"))).status).to.equal(400);
      const contradiction = await gateway.fetch(link, form("decision=allow&message=not+that"));
      expect(contradiction.status).to.equal(400);
      expect(await contradiction.text())
        .to.include("message is allowed only with decision deny")
        .and.include('value="not that"');
      expect((await gateway.fetch(link, form("decision=allow&scope=once"))).status).to.equal(200);
      expect((await gateway.fetch(link, form("decision=deny"))).status).to.equal(409);
      expect((await gateway.fetch(link, { key: null })).status).to.equal(410);
      await answer;
      expect(read(session, "a.txt")).to.equal("<b>bold</b> \u202e\u200bhidden");
      const { body } = await gateway.request<{ decision: unknown }>(`/approvals/${id}`);
      expect(body.decision).to.include({ channel: "link", decision: "allow" });

      const token = link.split("/").at(-1) ?? "";
      await gateway.fetch(`${link}/x`, { key: null });
      await gateway.fetch(link.toUpperCase(), { key: null });
      await gateway.fetch(link.replace("link", "LINK"), { key: null });
      const auditLog = await eventually("the audit line", () => {
        const month = new Date().toISOString().slice(0, 7);
        const text = readFileSync(join(gateway.logDir, "admin", `${month}.log`), "utf8");
        return text.includes(`"approval_id":"${id}"`) ? text : undefined;
      });
      expect(auditLog).to.match(/"decided_by":"link link from [^"]*127\.0\.0\.1"/);
      const refused = await eventually("the refused line", () => {
        const month = new Date().toISOString().slice(0, 7);
        const file = join(gateway.logDir, "_unauthorized", `${month}.log`);
        if (!existsSync(file)) return undefined;
        const text = readFileSync(file, "utf8");
        return text.includes("/LINK/") || text.includes("[token]") ? text : undefined;
      });
      const completed = gateway.stdout.split("\n").filter((line) => line.startsWith("completed"));
      expect(completed).to.include("completed 200 /approvals/link/[token]");
      for (const written of [auditLog, refused, gateway.stderr, completed.join("\n")]) {
        expect(written.toLowerCase()).not.to.include(token.toLowerCase());
      }
    });

    it("refuses an altered or foreign token; only the owner can read its key", async () => {
      const session = await newSession(gateway);
      const answer = prompt(gateway, session, "[[write a.txt A]]");
      const { id } = await onlyPending(gateway, session);
      const link = await linkOf(id);
      for (const bad of [link.slice(0, -2), `${link.slice(0, -1)}_`, link.replace(id.slice(0, 4), "0000")]) {
        expect((await gateway.fetch(bad, form("decision=allow"))).status, bad).to.equal(404);
      }
      expect((await onlyPending(gateway, session)).id).to.equal(id);
      // Nodes have it in the database.
      if (!areTwoNodes()) expect(statSync(join(gateway.dataDir, "link-key")).mode & 0o777).to.equal(0o600);
      await decide(gateway, id, { decision: "deny" });
      await answer;
    });

    it("refuses a body that is not a form or is too large, and continues", async () => {
      const session = await newSession(gateway);
      const answer = prompt(gateway, session, "[[write a.txt A]]");
      const link = await linkOf((await onlyPending(gateway, session)).id);
      const json = { ...form('{"decision":"allow"}'), headers: { "content-type": "application/json" } };
      expect((await gateway.fetch(link, json)).status).to.equal(415);
      for (let time = 0; time < 3; time++) {
        expect((await gateway.fetch(link, form(`message=${"x".repeat(70_000)}`))).status).to.equal(413);
      }
      const races = Array.from({ length: 20 }, (_, n) => form(`decision=${n % 2 === 0 ? "allow" : "deny"}`));
      const statuses = await Promise.all(races.map(async (one) => (await gateway.fetch(link, one)).status));
      expect(statuses.sort()).to.deep.equal([200, ...Array(19).fill(409)]);
      await answer;
    });

    it("answers a question", async () => {
      const session = await newSession(gateway);
      const answer = prompt(gateway, session, "[[ask Which way?|left|right]]");
      const link = await linkOf((await onlyPending(gateway, session)).id);
      expect((await gateway.fetch(link, form("decision=allow"))).status).to.equal(400);
      expect((await gateway.fetch(link, form("decision=allow&q0=1"))).status).to.equal(200);
      expect((await answer).body.result).to.include('"Which way?"="right"');
    });
  });

  it("releases its place in the queue while it waits", async () => {
    const narrow = await startAsking({ live_wait_secs: 600 });
    try {
      await narrow.stop();
      const { env, args, config } = narrowed();
      await narrow.launch({ env, args, config });
      const session = await newSession(narrow);
      const answer = prompt(narrow, session, "[[write a.txt A]]", { timeout_secs: 40 });
      const { id } = await onlyPending(narrow, session);
      const other = await narrow.request("/task", { body: { prompt: "[[say meanwhile]]" } });
      expect(other.body).to.include({ result: "meanwhile" });
      await new Promise((resolve) => setTimeout(resolve, 40_500));
      expect((await pending(narrow, session)).map((one) => one.id)).to.deep.equal([id]);
      await decide(narrow, id, { decision: "allow" });
      expect((await answer).body.success).to.equal(true);
      expect((await answer).body.duration_ms).to.be.lessThan(40_000);
      expect(read(session, "a.txt")).to.equal("A");
    } finally {
      await narrow.dispose();
    }
  });
});

function narrowed() {
  const { env, args, config } = asking({ live_wait_secs: 600 });
  return { env, args, config: `[engine]\nmax_running = 1\n${config}` };
}
