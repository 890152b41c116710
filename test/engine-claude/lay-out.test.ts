import { mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { StoredPart } from "@claudeway/ports";
import { expect } from "chai";
import { layOut } from "#engine-claude/lay-out.js";
import { Transcript } from "#engine-claude/transcript.js";
import { readNote, writeNote } from "#engine-claude/transcript-note.js";
import { fileNamed } from "#engine-claude/transcript-parts.js";
import { temporaryFolder } from "../temporary.js";

const ID = "0c9be1b4-4a4f-4d8e-9a53-6f1f6d4b7a10";

async function* parts(...all: readonly (readonly [subpath: string, ...lines: string[]])[]) {
  let seq = 0;
  for (const [subpath, ...lines] of all) {
    const part: StoredPart = { conversation: ID, subpath, lines, seq: ++seq, epoch: 1 };
    yield part;
  }
}

describe("a conversation that is laid out", () => {
  let folder: string;
  let place: Transcript;
  beforeEach(() => {
    folder = temporaryFolder("claudeway-laid-out-");
    place = new Transcript(ID, { cwd: "/work", env: { CLAUDE_CONFIG_DIR: folder } });
  });
  const files = () =>
    readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) =>
      entry.isFile() ? [entry.name] : [],
    );

  it("has its own file, and those of subagents with their metadata", async () => {
    const metadata = (finished: boolean) =>
      JSON.stringify({ type: "agent_metadata", agentType: "x", finished });
    const laid = await layOut(
      parts(
        ["", "1"],
        ["subagents/agent-1", metadata(false), "2"],
        ["", "3"],
        ["subagents/agent-1", metadata(true)],
      ),
      place,
    );
    expect(laid).to.deep.equal({ seq: 4, entries: 5 });
    expect(readFileSync(place.path, "utf8")).to.equal("1\n3\n");
    const agent = join(place.subagents, "agent-1");
    expect(readFileSync(`${agent}.jsonl`, "utf8")).to.equal("2\n");
    expect(readFileSync(`${agent}.meta.json`, "utf8")).to.equal('{"agentType":"x","finished":true}');
    expect(files()).to.have.length(3);
  });

  it("leaves nothing when it is broken off, and an older file as it was", async () => {
    await layOut(parts(["", "old"]), place);
    const breaking = async function* () {
      yield* parts(["", "x".repeat(5 * 1024 * 1024)], ["subagents/agent-1", "2"]);
      throw new Error("the store is away");
    };
    const failure = await layOut(breaking(), place).catch((error: unknown) => error);
    expect(failure).to.have.property("message", "the store is away");
    expect(readFileSync(place.path, "utf8")).to.equal("old\n");
    expect(files()).to.have.length(1);
  });

  it("writes to no place outside of the conversation's folder", async () => {
    await layOut(parts(["", "1"], ["../../evil", "2"], ["a/../../../evil", "3"], ["/etc/evil", "4"]), place);
    expect(files()).to.deep.equal([`${ID}.jsonl`]);
    const elsewhere = temporaryFolder("claudeway-elsewhere-");
    mkdirSync(join(place.path, "..", ID));
    symlinkSync(elsewhere, place.subagents);
    const failure = await layOut(parts(["", "1"], ["subagents/agent-1", "2"]), place).catch(String);
    expect(failure).to.match(/ENOTDIR|is not in the CLI's configuration folder/);
    expect(readdirSync(elsewhere)).to.deep.equal([]);
  });

  it("is known by a note, which counts only if it is well-formed", async () => {
    expect(await readNote(place)).to.equal(undefined);
    await writeNote(place, { epoch: 3, seq: 4, size: 5 });
    expect(await readNote(place)).to.deep.equal({ epoch: 3, seq: 4, size: 5 });
    await writeNote(place, { epoch: 3, seq: 4, size: -1, lacking: 3 });
    expect(await readNote(place)).to.equal(undefined);
  });

  it("is named by the end of a path", () => {
    const at = (path: string) => fileNamed(`/home/projects/.claude/projects/-work/${path}`);
    expect(at(`${ID}.jsonl`)).to.deep.equal({ conversation: ID, subpath: "" });
    expect(at(`${ID}/subagents/agent-1.jsonl`)).to.deep.equal({
      conversation: ID,
      subpath: "subagents/agent-1",
    });
    expect(at(`${ID}/subagents/${ID}.jsonl`)).to.deep.equal({ conversation: ID, subpath: `subagents/${ID}` });
    for (const path of ["x.jsonl", `${ID}.json`, `${ID}/subagents/../../x.jsonl`])
      expect(at(path)).to.equal(undefined);
  });
});
