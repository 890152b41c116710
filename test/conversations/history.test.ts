import type { ConversationTurn, Ledger, SessionRecord, TurnEnd, TurnOrigin } from "@claudeway/ports";
import { expect } from "chai";
import { SessionHistory } from "#conversations/history.js";
import { openLedger } from "#ledger-sqlite/sqlite-ledger.js";
import { eventually } from "../e2e/poll.js";
import {
  NOON,
  newFolder,
  newSession,
  newTurn,
  outcome,
  removeFolders,
  tokens,
  usageOf,
} from "../ledger/fixture.js";

const QUERY = { page: 1, limit: 20 };
const SPAWN = { command: "", args: [], env: {}, cwd: "", options: {} };

/** A time so many seconds after noon. */
const at = (secs: number) => new Date(Date.parse(NOON) + secs * 1000).toISOString();

describe("the history of a session", () => {
  let ledger: Ledger;
  let session: SessionRecord;
  let recorded: ConversationTurn[];
  let waiting: (() => void)[];
  let held: boolean;
  beforeEach(async () => {
    ledger = await openLedger({ dataDir: newFolder() });
    const created = newSession();
    await ledger.sessions.create(created);
    const found = await ledger.sessions.get(created.id);
    if (found === undefined) throw new Error("the session is missing");
    session = found;
    recorded = [];
    waiting = [];
    held = false;
  });
  afterEach(async () => {
    await ledger.close();
    removeFolders();
  });

  function history(): SessionHistory {
    const conversations = {
      read: async () => {
        if (held) await new Promise<void>((resolve) => waiting.push(resolve));
        return { turns: recorded.toReversed(), total: recorded.length };
      },
      outline: async () => recorded,
      prompts: async () => new Map(),
      fork: async () => "missing" as const,
      create: async () => "created" as const,
      discard: async () => undefined,
    };
    return new SessionHistory({ engine: { conversations }, ledger, spawn: async () => SPAWN });
  }

  async function turn(from: number, to: number, origin: TurnOrigin = "prompt", end: TurnEnd = "completed") {
    const begun = { ...newTurn(session), createdAt: at(from), origin };
    await ledger.turns.begin(begun, { epoch: 0 });
    await ledger.turns.end(
      begun.id,
      { ...outcome(begun, usageOf("m", tokens(1), 0.1)), end },
      { at: at(to) },
    );
    return begun.id;
  }

  /** A turn as the CLI recorded it, under an id of its own unless one is given. */
  function record(secs: number, more: Partial<ConversationTurn> = {}): void {
    const promptId = `unknown-${secs}`;
    recorded.push({
      promptId,
      at: at(secs),
      origin: "prompt",
      forked: false,
      messages: [],
      truncated: false,
      ...more,
    });
  }

  async function ids(): Promise<(string | null)[]> {
    return (await history().messages(session, QUERY)).turns.map(({ turn_id }) => turn_id).toReversed();
  }

  it("finds turns by the ids of their prompts", async () => {
    const turns = [await turn(0, 1), await turn(2, 3)];
    for (const [index, promptId] of turns.entries()) record(100 + index, { promptId });
    expect(await ids()).to.deep.equal(turns);
  });

  it("finds turns that were sent under other ids by their time", async () => {
    const first = await turn(0, 10);
    // This one waited for the first.
    const second = await turn(1, 20);
    record(5);
    record(12);
    expect(await ids()).to.deep.equal([first, second]);
  });

  it("finds a background turn that the CLI began a moment before the gateway heard of it", async () => {
    const prompt = await turn(0, 10);
    const background = await turn(21, 30, "background");
    record(1);
    record(20.5, { origin: "background" });
    expect(await ids()).to.deep.equal([prompt, background]);
  });

  it("gives no id to a turn of a terminal, of the parent, or of another session", async () => {
    const own = await turn(0, 10);
    const other = newSession();
    await ledger.sessions.create(other);
    const others = newTurn(other);
    await ledger.turns.begin(others, { epoch: 0 });
    record(-50, { forked: true });
    record(5, { promptId: own });
    record(40);
    record(50, { promptId: others.id });
    expect(await ids()).to.deep.equal([null, own, null, null]);
  });

  it("passes over turns that were refused", async () => {
    await turn(0, 20, "prompt", "refused");
    const own = await turn(1, 30);
    record(10);
    expect(await ids()).to.deep.equal([own]);
  });

  it("reads no more than four transcripts of a key at once, and eight in all", async () => {
    held = true;
    const shared = history();
    const read = (keyId: string) => shared.messages({ ...session, keyId }, QUERY);
    const refusal = (keyId: string) => read(keyId).catch((error: unknown) => error);
    const keys = ["ci", "ci", "ci", "ci", "bob", "bob", "bob", "eve"];
    const reading = keys.slice(0, 4).map(read);
    expect(await refusal("ci")).to.include({ code: "UNAVAILABLE" });
    reading.push(...keys.slice(4).map(read));
    expect(await refusal("bob")).to.include({ code: "UNAVAILABLE" });
    await eventually("all are being read", () => waiting.length === keys.length);
    for (const go of waiting.splice(0)) go();
    for (const { transcript } of await Promise.all(reading)) expect(transcript).to.equal("found");
    held = false;
    expect(await read("ci")).to.include({ transcript: "found", total: 0 });
  });

  it("finds the prompt of a turn to fork at", async () => {
    const [first, second] = [await turn(0, 10), await turn(20, 30)];
    record(-5, { forked: true });
    record(5);
    record(25, { promptId: second });
    expect(await history().promptIdOf(session, first)).to.equal("unknown-5");
    expect(await history().promptIdOf(session, second)).to.equal(second);
    expect(await history().promptIdOf(session, await turn(50, 51))).to.equal(undefined);
  });
});
