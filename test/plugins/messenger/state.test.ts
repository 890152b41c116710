import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { pino } from "pino";
import { State } from "#messenger/state.js";
import type { Card } from "#messenger/state-entries.js";
import { eventually } from "../../e2e/poll.js";
import { memoryStore } from "../memory-store.js";

describe("the state of conversations", () => {
  const log = pino({ level: "silent" });

  it("stays small over eight thousand reply chains, and keeps the newest ones and the topics", async () => {
    const store = memoryStore();
    const state = await State.open({ store, name: "chat-1", log });
    state.setConversation("t7", { model: "sonnet", sessionId: "in-a-topic" });
    for (let id = 1; id <= 8000; id++) {
      state.accept(String(id));
      state.link(String(id), `c${id}`);
      state.setConversation(`c${id}`, { model: "sonnet", sessionId: `s${id}` });
    }
    const check = (now: State) => {
      expect(now.conversation("c1")).to.equal(undefined);
      expect(now.keyOfSession("s3000")).to.equal(undefined);
      expect(now.keyOfSession("s3001")).to.equal("c3001");
      expect(now.keyOfSession("s8000")).to.equal("c8000");
      expect(now.keyOfSession("in-a-topic")).to.equal("t7");
      expect(now.accept("8000")).to.equal(false);
    };
    check(state);
    await state.saved();
    const again = await State.open({ store, name: "chat-1", log });
    check(again);
    again.link("9000", "c9000");
    expect(again.keyOfSession("s3001"), "the oldest goes first, also after a restart").to.equal(undefined);
  });

  it("keeps waiting messages in the order in which they came, over changes and a restart", async () => {
    const store = memoryStore();
    const state = await State.open({ store, name: "chat-1", log });
    const waiting = (id: string) => ({ key: "t7", messageId: id, prompt: `p${id}` });
    for (const id of ["30", "4", "100"]) state.setWaiting(waiting(id));
    state.setWaiting({ ...waiting("30"), begun: true });
    await state.saved();
    const again = await State.open({ store, name: "chat-1", log });
    expect(again.waiting.map(({ messageId }) => messageId)).to.deep.equal(["30", "4", "100"]);
    expect(again.waiting[0]).to.include({ begun: true });
    const other = await State.open({ store, name: "chat-12", log });
    expect(other.waiting).to.deep.equal([]);
  });

  it("keeps the session of a conversation that begins anew, for its turns that still run", async () => {
    const store = memoryStore();
    const state = await State.open({ store, name: "chat-1", log });
    state.setConversation("t7", { model: "sonnet", sessionId: "s0" });
    for (let n = 1; n <= 7; n++) {
      state.setConversation("t7", { model: "opus" });
      expect(state.keyOfSession(`s${n - 1}`)).to.equal("t7");
      state.setConversation("t7", { model: "opus", sessionId: `s${n}` });
    }
    await state.saved();
    for (const now of [state, await State.open({ store, name: "chat-1", log })]) {
      expect(now.sessionsOf("t7")).to.deep.equal(["s2", "s3", "s4", "s5", "s6", "s7"]);
      expect(now.keyOfSession("s1")).to.equal(undefined);
      expect(now.keyOfSession("s2")).to.equal("t7");
      now.setConversation("t7", undefined);
      expect(now.keyOfSession("s2")).to.equal(undefined);
    }
  });

  it("loses only what the store refuses, of all that is written at once", async () => {
    const store = memoryStore();
    const write: typeof store.write = async (changes) => {
      if (changes.some((change) => "value" in change && JSON.stringify(change.value).length > 64 * 1024))
        throw new RangeError("a value is too large");
      return store.write(changes);
    };
    const state = await State.open({ store: { ...store, write }, name: "chat-1", log });
    for (let n = 0; n < 60; n++) {
      state.accept(String(n));
      if (n % 25 === 10) state.setWaiting({ key: "t7", messageId: `large-${n}`, prompt: "x".repeat(70_000) });
    }
    expect(await state.saved()).to.equal(false);
    const again = await State.open({ store, name: "chat-1", log });
    for (let n = 0; n < 60; n++) expect(again.accept(String(n)), String(n)).to.equal(false);
    expect(again.waiting).to.deep.equal([]);
    expect(await state.saved()).to.equal(true);
  });

  it("is not opened among gateways that share the ledger if the owner can't be stored", async () => {
    const store = { ...memoryStore(), write: async () => ({ ok: false, reason: "full" }) as const };
    const refused = await State.open({ store, name: "chat-1", log, shared: true }).catch(String);
    expect(refused).to.equal("Error: cannot take over the bot's state: the store is full");
  });

  it("forgets cards of denied calls before those of pending approvals", async () => {
    const state = await State.open({ store: memoryStore(), name: "chat-1", log });
    const card = (n: number, subject: Card["subject"]) => ({ token: `t${n}`, messageId: `${n}`, subject });
    const ofDenials = { kind: "denials", keyId: "k", sessionId: "s", turnId: "t", toolUseIds: [] } as const;
    for (let n = 0; n < 3; n++) state.setCard(card(n, { kind: "approval", approvalId: `a${n}` }));
    for (let n = 3; n < 600; n++) state.setCard(card(n, ofDenials));
    expect(state.cards).to.have.length(500);
    expect(state.cardOf("a0")?.messageId).to.equal("0");
    expect(state.card("t599")?.messageId).to.equal("599");
  });

  /** A store whose writes fail while `away` is set. */
  const failingStore = () => {
    const store = memoryStore();
    const failing = { away: true, store: { ...store, write: store.write } };
    failing.store.write = async (changes) => {
      if (failing.away) throw new Error("the ledger is away");
      return store.write(changes);
    };
    return failing;
  };

  it("is stored later where a write failed, as it is then", async () => {
    const failing = failingStore();
    const state = await State.open({ store: failing.store, name: "chat-1", log });
    state.accept("1");
    state.setConversation("t7", { model: "sonnet" });
    state.setConversation("t8", { model: "sonnet" });
    expect(await state.saved()).to.equal(false);
    state.setConversation("t7", { model: "opus" });
    state.setConversation("t8", undefined);
    expect(await state.saved()).to.equal(false);
    failing.away = false;
    await eventually("the changes", async () => {
      const now = await State.open({ store: failing.store, name: "chat-1", log });
      return (
        now.conversation("t7")?.model === "opus" && now.conversation("t8") === undefined && !now.accept("1")
      );
    });
    expect(await state.saved()).to.equal(true);
  });

  it("is not stored later once the chat is switched off", async () => {
    const failing = failingStore();
    const off = new AbortController();
    const state = await State.open({ store: failing.store, name: "chat-1", log, signal: off.signal });
    state.accept("1");
    await state.saved();
    off.abort();
    failing.away = false;
    await sleep(1200);
    expect((await failing.store.list("")).entries).to.deep.equal([]);
  });

  it("does not hold back other changes where one can't be stored at all", async () => {
    const store = memoryStore();
    const state = await State.open({ store, name: "chat-1", log });
    state.setConversation("t7", { model: "x".repeat(70_000) });
    expect(await state.saved()).to.equal(false);
    state.accept("1");
    expect(await state.saved()).to.equal(true);
    expect((await store.list("")).entries.map(({ key }) => key)).to.deep.equal(["chat-1/taken/1"]);
  });
});
