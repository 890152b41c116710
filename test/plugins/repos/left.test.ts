import { join } from "node:path";
import { expect } from "chai";
import { GitError } from "#plugins/repos/git.js";
import { Logins } from "#plugins/repos/login.js";
import { RepoRecords } from "#plugins/repos/records.js";
import { parseRemote } from "#plugins/repos/remote.js";
import { Syncs } from "#plugins/repos/syncs.js";
import { rejectionMessage } from "../../kernel/kit.js";
import { temporaryFolder } from "../../temporary.js";

const CONFIG = {
  hosts: ["git.example.com"],
  schemes: ["https"],
  credentials: [],
  depth: 1,
  max_repos: 10,
  max_mb: 1,
  submodules: false,
  max_submodules: 1,
  max_submodule_depth: 1,
  max_syncs: 4,
  timeout_secs: 60,
} as const;
const REQUEST = { branch: undefined, submodules: undefined };

describe("repos: a sync whose client has left before it is asked for", () => {
  it("does not begin, though there is a place, and holds none", async () => {
    const folder = temporaryFolder("claudeway-left-");
    let runs = 0;
    const syncs = new Syncs({
      config: { ...CONFIG, repos_dir: folder },
      reposDir: folder,
      records: await RepoRecords.open(join(folder, "records")),
      logins: new Logins([], folder),
      git: async () => {
        runs++;
        throw new GitError("no such repository");
      },
      log: { info: () => undefined },
      signal: new AbortController().signal,
    });
    const remote = parseRemote("https://git.example.com/acme/tool", CONFIG);
    const sync = (gone: AbortSignal) => rejectionMessage(syncs.sync("bob", remote, REQUEST, gone));
    for (let n = 0; n < 5; n++) expect(await sync(AbortSignal.abort())).to.equal("the client disconnected");
    expect(runs).to.equal(0);
    expect(await sync(new AbortController().signal)).to.match(/no such repository$/);
    expect(runs).to.equal(1);
  });
});
