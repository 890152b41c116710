import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { readsOthersFolder } from "#workdirs/unasked-reads.js";
import { Workdirs } from "#workdirs/workdirs.js";

const OTHER = "22222222-2222-4222-8222-222222222222";
const OWN = "11111111-1111-4111-8111-111111111111";

describe("unasked reads", () => {
  let dir: string;
  let workdirs: Workdirs;
  beforeEach(() => {
    dir = realpathSync(mkdtempSync(join(tmpdir(), "claudeway-unasked-")));
    const base = join(dir, "area", "work");
    for (const id of [OTHER, OWN]) mkdirSync(join(base, id), { recursive: true });
    mkdirSync(join(dir, "area", "beside"));
    symlinkSync(join(base, OTHER), join(dir, "link"));
    const get = async (id: string) =>
      [OTHER, OWN].includes(id) ? { workdir: join(base, id), ownsWorkdir: true } : undefined;
    workdirs = new Workdirs({
      base,
      guarded: [],
      configFile: undefined,
      limits: { of: () => ({}), placeOf: (id) => `[keys.${id}]` },
      sessions: { get },
      resolve: async () => undefined,
    });
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  const reads = (workdir: string, tool: string, input: Readonly<Record<string, unknown>>, cwd = workdir) =>
    readsOthersFolder({ tool, input, cwd: join(dir, cwd) }, [join(dir, workdir)], OWN, workdirs);

  it("stop at other sessions' folders in a workdir that contains the base folder", async () => {
    expect(await reads("area", "Read", { file_path: `work/${OTHER}/a.txt` })).to.equal(true);
    expect(await reads("area", "Read", { file_path: join(dir, "link", "a.txt") })).to.equal(true);
    expect(await reads("area", "NotebookRead", { notebook_path: `work/${OTHER}/a` })).to.equal(true);
    expect(await reads("area", "Read", { file_path: "beside/a.txt" })).to.equal(false);
    expect(await reads("area", "Read", { file_path: `work/${OWN}/a.txt` })).to.equal(false);
    for (const tool of ["Bash", "Monitor", "Glob", "Grep", "LS"]) {
      expect(await reads("area", tool, {}), tool).to.equal(true);
    }
    expect(await reads("area", "Grep", { path: "beside" })).to.equal(false);
    expect(await reads("area", "Grep", { path: "../.." }, "area/work/x")).to.equal(true);
    expect(await reads("area", "Grep", { path: `work/${OTHER}` })).to.equal(true);
    expect(await reads("area", "Bash", { command: "ls" }, "area/beside")).to.equal(true);
    expect(await reads("area", "WebFetch", { url: "http://127.0.0.1" })).to.equal(false);
  });

  it("go on in a session's own folder", async () => {
    const own = join("area", "work", OWN);
    for (const tool of ["Bash", "Glob", "Grep"]) expect(await reads(own, tool, {}), tool).to.equal(false);
    expect(await reads(own, "Read", { file_path: "a.txt" })).to.equal(false);
    expect(await reads(own, "Read", { file_path: `../${OTHER}/a.txt` })).to.equal(true);
  });
});
