import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Approval } from "@claudeway/schemas";
import { expect } from "chai";
import {
  asking,
  decide,
  newSession,
  pending,
  prompt,
  read,
  resultsOf,
  startAsking,
  type TestSession,
  turnIn,
} from "./approval-kit.js";
import type { TestGateway } from "./gateway.js";
import { eventually, limitSecs } from "./poll.js";

const NAMES = ["a", "b", "c"];

/** Every order of a list. */
function orders<T>(list: readonly T[]): T[][] {
  if (list.length < 2) return [[...list]];
  return list.flatMap((first, index) => orders(list.toSpliced(index, 1)).map((rest) => [first, ...rest]));
}

/** Every way to allow or deny so many calls. */
function choices(count: number): boolean[][] {
  return Array.from({ length: 2 ** count }, (_, bits) =>
    Array.from({ length: count }, (_, index) => (bits >> index) % 2 === 0),
  );
}

describe("several calls in one message", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await startAsking({ live_wait_secs: 600 });
  });
  after(() => gateway.dispose());

  /** Reads, which the CLI asks about all at once. */
  async function askReads(count: number) {
    const session = await newSession(gateway);
    const names = NAMES.slice(0, count);
    for (const name of names) writeFileSync(join(session.workdir, `${name}.txt`), `content of ${name}`);
    const calls = names.map((name) => `[[read ${name}.txt]]`);
    const answer = prompt(gateway, session, `[[both ${calls.join(" ")}]]`);
    const asked = await pending(gateway, session, count);
    const byName = (name: string) =>
      asked.find(({ input }) => String(input["file_path"]).endsWith(`${name}.txt`));
    return { session, names, answer, requests: names.map((name) => must(byName(name))) };
  }

  /** Writes, which it asks about one after the other; resolves to the request for this one. */
  async function asksToWrite(session: TestSession, name: string): Promise<Approval> {
    return eventually(`a request for ${name}`, async () => {
      const [approval] = await pending(gateway, session);
      return (
        approval !== undefined && String(approval.input["file_path"]).endsWith(`${name}.txt`) && approval
      );
    });
  }

  function expectReads(result: string, names: readonly string[], allowed: readonly boolean[]): void {
    for (const [index, name] of names.entries()) {
      if (allowed[index]) expect(result, `${name} was read`).to.include(`content of ${name}`);
      else {
        expect(result, `${name} was not read`).not.to.include(`content of ${name}`);
        expect(result).to.include(`denied ${name}`);
      }
    }
  }

  for (const count of [2, 3]) {
    const all = NAMES.slice(0, count).map((_, index) => index);
    for (const [number, order] of orders(all).entries()) {
      const wanted = choices(count).filter((_, index) => count === 2 || index % 6 === number % 6);
      for (const allowed of wanted) {
        const words = order
          .map((index) => `${NAMES[index]} ${allowed[index] ? "allowed" : "denied"}`)
          .join(", ");
        it(`${count} at once, decided live: ${words}`, async () => {
          const { names, answer, requests } = await askReads(count);
          for (const index of order) {
            const body = allowed[index]
              ? { decision: "allow" }
              : { decision: "deny", message: `denied ${names[index]}` };
            expect((await decide(gateway, requests[index]?.id ?? "", body)).status).to.equal(200);
          }
          expectReads((await answer).body.result, names, allowed);
        });
      }
    }
  }

  for (const allowed of [...choices(2), ...choices(3).filter((_, index) => [0, 2, 5, 7].includes(index))]) {
    const words = allowed.map((one, index) => `${NAMES[index]} ${one ? "allowed" : "denied"}`).join(", ");
    it(`${allowed.length} one after the other, decided live: ${words}`, async () => {
      const session = await newSession(gateway);
      const names = NAMES.slice(0, allowed.length);
      const calls = names.map((name) => `[[write ${name}.txt ${name}]]`);
      const answer = prompt(gateway, session, `[[both ${calls.join(" ")}]]`);
      for (const [index, name] of names.entries()) {
        const { id } = await asksToWrite(session, name);
        await decide(gateway, id, { decision: allowed[index] ? "allow" : "deny" });
      }
      expect((await answer).body.success).to.equal(true);
      expect(names.map((name) => read(session, `${name}.txt`) === name)).to.deep.equal(allowed);
    });
  }

  it("are not decided at all where one of them can't be", async () => {
    const session = await newSession(gateway);
    writeFileSync(join(session.workdir, "a.txt"), "content of a");
    const answer = prompt(gateway, session, "[[both [[ask Which way?|left|right]] [[read a.txt]]]]");
    const asked = await pending(gateway, session, 2);
    const tool_use_ids = asked.map(({ tool_use_id }) => tool_use_id);
    const refused = await gateway.request(`/session/${session.id}/approve`, { body: { tool_use_ids } });
    expect([refused.status, refused.body["code"]]).to.deep.equal([400, "BAD_REQUEST"]);
    const statuses = await Promise.all(asked.map(statusOf));
    expect(statuses).to.deep.equal(["pending", "pending"]);
    await gateway.request(`/session/${session.id}/interrupt`, { body: {} });
    expect((await answer).body).to.include({ success: false });
  });

  describe("without a decision in time", () => {
    before(async () => {
      await gateway.stop();
      await gateway.launch(asking({ live_wait_secs: limitSecs(5) }));
    });

    it("two at once: the first is denied with the advice to repeat it, the last parks and runs once", async () => {
      const { session, answer, requests } = await askReads(2);
      const { body } = await answer;
      expect(body.pending_approval?.id).to.equal(requests[1]?.id);
      expect(await statusOf(requests[0])).to.equal("expired");
      await decide(gateway, requests[1]?.id ?? "", { decision: "allow" });
      const { result } = await turnIn(gateway, requests[1]?.turn_id ?? "", "completed");
      expect(result?.result).to.include("content of b").and.include("the only tool call of a message");
      expect(result?.result).not.to.include("content of a");
      expect(result?.permission_denials?.map(({ tool_use_id }) => tool_use_id)).to.deep.equal([
        requests[0]?.tool_use_id,
      ]);
      expect(resultsOf(gateway, session, requests[1]?.tool_use_id ?? "")).to.have.length(1);
    });

    it("three at once, one of them decided live, at each position: each as decided, none lost", async () => {
      for (const live of [0, 1, 2]) {
        const { names, answer, requests } = await askReads(3);
        await decide(gateway, requests[live]?.id ?? "", { decision: "allow" });
        const { body } = await answer;
        const last = requests[2];
        const parks = live !== 2;
        expect(body.pending_approval?.id, `live: ${names[live]}`).to.equal(parks ? last?.id : undefined);
        let result = body.result;
        if (parks) {
          await decide(gateway, last?.id ?? "", { decision: "deny", message: "denied c" });
          result = (await turnIn(gateway, last?.turn_id ?? "", "completed")).result?.result ?? "";
          expect(result).to.include("denied c");
        }
        for (const [index, name] of names.entries()) {
          if (index === live) expect(result).to.include(`content of ${name}`);
          else expect(result).not.to.include(`content of ${name}`);
        }
        const statuses = await Promise.all(requests.map(statusOf));
        expect(statuses).to.deep.equal(
          names.map((_, index) => (index === live ? "allowed" : parks && index === 2 ? "denied" : "expired")),
        );
      }
    });

    it("two one after the other: the first is denied, the last parks and runs; then the first, asked again", async () => {
      const session = await newSession(gateway);
      const { body } = await prompt(gateway, session, "[[both [[write a.txt A]] [[write b.txt B]]]]");
      const parked = must(body.pending_approval);
      expect(parked.input["content"]).to.equal("B");
      await decide(gateway, parked.id, { decision: "allow" });
      await turnIn(gateway, parked.turn_id, "completed");
      expect([read(session, "a.txt"), read(session, "b.txt")]).to.deep.equal([undefined, "B"]);
      const again = prompt(gateway, session, "[[again]]");
      const { id } = await asksToWrite(session, "a");
      await decide(gateway, id, { decision: "allow" });
      await again;
      expect([read(session, "a.txt"), read(session, "b.txt")]).to.deep.equal(["A", "B"]);
    });

    it("the first decided live, the last parked", async () => {
      const session = await newSession(gateway);
      const answer = prompt(gateway, session, "[[both [[write a.txt A]] [[write b.txt B]]]]");
      await decide(gateway, (await asksToWrite(session, "a")).id, { decision: "allow" });
      const parked = must((await answer).body.pending_approval);
      expect([read(session, "a.txt"), read(session, "b.txt")]).to.deep.equal(["A", undefined]);
      await gateway.stop("SIGKILL");
      await gateway.launch();
      await decide(gateway, parked.id, { decision: "allow" });
      await turnIn(gateway, parked.turn_id, "completed");
      expect([read(session, "a.txt"), read(session, "b.txt")]).to.deep.equal(["A", "B"]);
    });

    it("beside a call that the CLI itself refuses: denied, since it cannot be kept", async () => {
      const session = await newSession(gateway);
      const calls = [
        { tool: "Write", input: { file_path: "a.txt", content: "A" } },
        { tool: "NoSuchTool", input: {} },
      ];
      const { body } = await prompt(gateway, session, `[[tools ${JSON.stringify(calls)}]]`);
      expect(body).not.to.have.property("pending_approval");
      expect(body.result).to.include("the only tool call of a message").and.include("No such tool");
      expect(read(session, "a.txt")).to.equal(undefined);
    });

    it("beside a working subagent: parks when the subagent is done", async () => {
      const session = await newSession(gateway);
      writeFileSync(join(session.workdir, "a.txt"), "content of a");
      const { body } = await prompt(
        gateway,
        session,
        "[[both [[subagent [[wait 7000]] [[say done]]]] [[read a.txt]]]]",
      );
      const parked = must(body.pending_approval);
      await decide(gateway, parked.id, { decision: "allow" });
      const { result } = await turnIn(gateway, parked.turn_id, "completed");
      expect(result?.result).to.include("content of a").and.include("done");
    });

    it("a subagent's call is held, then denied", async () => {
      await gateway.stop();
      await gateway.launch(asking({ live_wait_secs: 0.2, max_hold_secs: 3 }));
      const session = await newSession(gateway);
      const began = Date.now();
      const { body } = await prompt(gateway, session, "[[subagent [[write s.txt S]]]]");
      expect(Date.now() - began).to.be.greaterThan(3000);
      expect(body).not.to.have.property("pending_approval");
      expect(body.result).to.include("There was no decision on this call in time");
      expect(read(session, "s.txt")).to.equal(undefined);
    });
  });

  async function statusOf(approval: Approval | undefined): Promise<unknown> {
    return (await gateway.request(`/approvals/${approval?.id}`)).body["status"];
  }
});

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("it is not there");
  return value;
}
