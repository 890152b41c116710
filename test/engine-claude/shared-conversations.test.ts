import { existsSync, mkdirSync, readdirSync, rmdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Claim, Ledger } from "@claudeway/ports";
import { expect } from "chai";
import { pino } from "pino";
import { SharedConversations } from "#engine-claude/shared-conversations.js";
import { Transcript } from "#engine-claude/transcript.js";
import { openLedger } from "#ledger-sqlite/index.js";
import { newFolder, newSession, rejection, removeFolders } from "../ledger/fixture.js";

describe("a conversation that other nodes share", () => {
  let ledger: Ledger;
  let folder: string;
  let conversations: SharedConversations;
  let victim: Claim;
  let other: Claim;

  beforeEach(async () => {
    folder = newFolder();
    ledger = await openLedger({ dataDir: folder });
    const node = await ledger.nodes.join({ node: "one", url: "http://x", configDigest: "x", version: "1" });
    const claimed = async (): Promise<Claim> => {
      const session = newSession();
      await ledger.sessions.create(session);
      const outcome = await ledger.nodes.claim(node, session.id);
      if (typeof outcome === "string" || !("epoch" in outcome)) throw new Error(JSON.stringify(outcome));
      return { sessionId: session.id, epoch: outcome.epoch, lost: new AbortController().signal };
    };
    [victim, other] = [await claimed(), await claimed()];
    const held = (id: string) => [victim, other].find(({ sessionId }) => sessionId === id);
    conversations = new SharedConversations(
      { transcripts: ledger.transcripts, held },
      pino({ level: "silent" }),
    );
    const part = { conversation: victim.sessionId, subpath: "", lines: ['{"secret":1}'] };
    await ledger.transcripts.append(victim, part, 0);
  });
  afterEach(async () => {
    await ledger.close();
    removeFolders();
  });

  /** The folder of one key's CLI. */
  const spawnOf = (key: string) => {
    const home = join(folder, key);
    mkdirSync(join(home, "projects"), { recursive: true });
    return { cwd: folder, env: { CLAUDE_CONFIG_DIR: home } };
  };

  it("is laid out for its own session, and for no other that names it", async () => {
    const { sessionId } = victim;
    for (const use of ["go on", "accept loss", "read"] as const) {
      const theirs = spawnOf(`other-${use}`);
      const error = await rejection(conversations.prepare(sessionId, theirs, use, other.sessionId));
      expect(String(error)).to.contain(`is not of the session ${other.sessionId}`);
      expect(existsSync(new Transcript(sessionId, theirs).path)).to.equal(false);
    }
    const own = spawnOf("own");
    expect(await conversations.prepare(sessionId, own, "go on", sessionId)).to.equal("whole");
    expect(existsSync(new Transcript(sessionId, own).path)).to.equal(true);
  });

  it("that could not be stored is noted as lacking later, where that failed as well", async () => {
    const { sessionId, epoch } = other;
    const spawn = spawnOf("unsaved");
    const { path } = new Transcript(sessionId, spawn);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, '{"uuid":"1"}\n');
    let isAway = true;
    const transcripts: typeof ledger.transcripts = {
      ...ledger.transcripts,
      append: async () => Promise.reject(new Error("the database is away")),
      setLacking: async (...args) => {
        if (isAway) throw new Error("the database is away");
        return ledger.transcripts.setLacking(...args);
      },
    };
    const cut = new SharedConversations({ transcripts, held: () => other }, pino({ level: "silent" }));
    await cut.saveTask(sessionId, sessionId, spawn);
    expect(await cut.saved(sessionId)).to.equal(false);
    expect(await ledger.transcripts.session(sessionId)).to.include({ lackingSince: undefined });
    isAway = false;
    expect(await cut.saved(sessionId)).to.equal(false);
    expect(await ledger.transcripts.session(sessionId)).to.include({ lackingSince: epoch });
  });

  it("is laid out without removing what links in the place of its older files lead to", async () => {
    const { sessionId } = victim;
    const [theirs, own] = [spawnOf("theirs"), spawnOf("own")];
    const agents = join(theirs.env.CLAUDE_CONFIG_DIR, "projects", "a", "b", "subagents");
    mkdirSync(agents, { recursive: true });
    const kept = [join(agents, "agent-1.jsonl"), join(agents, "..", "..", `${sessionId}.jsonl`)];
    for (const file of kept) writeFileSync(file, "1\n");
    const projects = join(own.env.CLAUDE_CONFIG_DIR, "projects");
    mkdirSync(join(projects, "old"));
    writeFileSync(join(projects, "old", `${sessionId}.jsonl`), "1\n");
    symlinkSync(join(agents, ".."), join(projects, "old", sessionId));
    symlinkSync(join(agents, "..", ".."), join(projects, "older"));
    expect(await conversations.prepare(sessionId, own, "go on", sessionId)).to.equal("whole");
    expect(readdirSync(join(projects, "old"))).to.deep.equal([sessionId]);
    expect(kept.filter((file) => !existsSync(file))).to.deep.equal([]);
  });

  it("makes no folder outside of the CLI's, where links lead", async () => {
    const [theirs, own] = [spawnOf("theirs"), spawnOf("own")];
    const projects = join(own.env.CLAUDE_CONFIG_DIR, "projects");
    rmdirSync(projects);
    symlinkSync(join(theirs.env.CLAUDE_CONFIG_DIR, "projects"), projects);
    const error = await rejection(conversations.prepare(victim.sessionId, own, "go on", victim.sessionId));
    expect(String(error)).to.contain("ENOTDIR");
    expect(readdirSync(join(theirs.env.CLAUDE_CONFIG_DIR, "projects"))).to.deep.equal([]);
  });
});
