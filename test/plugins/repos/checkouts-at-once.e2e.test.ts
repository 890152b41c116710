import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import { counted, ReposGateway, range } from "./kit.js";

/** How long files are written that take a while to remove. */
const WRITTEN_MS = 1500;

/** Timeouts that nothing refers to are collected. */
function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
}

describe("starts of sessions with repositories", () => {
  let repos: ReposGateway;
  let folder: string;
  const { PATH } = process.env;
  const begun = () => {
    const file = join(folder, "begun");
    return existsSync(file) ? readFileSync(file, "utf8").length : 0;
  };

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "claudeway-git-"));
    // A git that writes down each checkout that begins, and waits there.
    const script = `#!/bin/sh
case "$*" in
"init --quiet --template= --initial-branch="*)
  printf x >> '${folder}/begun'
  while [ ! -e '${folder}/go' ]; do sleep 0.1; done ;;
"reset --quiet --hard")
  if [ -e '${folder}/many' ]; then mv '${folder}/many' .; exec sleep 60; fi ;;
esac
PATH='${PATH}' exec git "$@"
`;
    writeFileSync(join(folder, "git"), script);
    chmodSync(join(folder, "git"), 0o755);
    process.env["PATH"] = [folder, PATH].join(delimiter);
    writeFileSync(join(folder, "go"), "");
    repos = await ReposGateway.start();
  });
  afterEach(async () => {
    process.env["PATH"] = PATH;
    writeFileSync(join(folder, "go"), "");
    await repos.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const start = (key: string) => repos.request("/session/start", { workdir: "repo:acme/tool" }, key);

  it("make four checkouts of one key at once, and leave places to other keys", async () => {
    const { host } = repos;
    host.create("acme/tool", { "a.txt": "1" });
    for (const key of ["user", "other"]) await repos.sync({ url: host.url("acme/tool") }, key);
    const before = begun();
    rmSync(join(folder, "go"));
    const flood = range(60).map(() => start("user"));
    const refused = counted(flood, 429);
    await eventually("what is too much is refused", () => refused() >= 6);
    const other = start("other");
    await eventually("the other key's checkout", () => begun() - before === 5);
    writeFileSync(join(folder, "go"), "");
    expect((await other).status).to.equal(200);
    await Promise.all(flood);
    expect((await start("user")).status, "once they have left").to.equal(200);
  });

  it("wait 4 s, and give their places back where they fail", async () => {
    const { host } = repos;
    host.create("acme/tool", { "a.txt": "1" });
    await repos.sync({ url: host.url("acme/tool") });
    const before = begun();
    rmSync(join(folder, "go"));
    const starts = range(5).map(() => start("user"));
    await eventually("four checkouts", () => begun() - before === 4);
    collectGarbage();
    const answers = await Promise.all(starts);
    expect(answers.map(({ status }) => status).sort()).to.deep.equal([400, 400, 400, 400, 429]);
    writeFileSync(join(folder, "go"), "");
    expect((await start("user")).status).to.equal(200);
  });

  it("are answered after 9 s, also where removing what was made takes longer", async () => {
    const { host, gateway } = repos;
    host.create("acme/tool", { "a.txt": "1" });
    await repos.sync({ url: host.url("acme/tool") });
    mkdirSync(join(folder, "many"));
    // Switching the plugin off waits 5 s for their removal, so that a busy machine has fewer of them.
    const written = performance.now() + WRITTEN_MS;
    for (let index = 0; index < 30_000 && performance.now() < written; index++)
      writeFileSync(join(folder, "many", `${index}`), "");
    const partial = () => readdirSync(join(gateway.dir, "work")).filter((name) => name.startsWith(".repo-"));
    const { status, body } = await start("user");
    expect(partial(), "what is still being removed").to.have.length(1);
    expect([status, body["error"]]).to.deep.equal([
      400,
      `workdir: user's repository ${host.host.replace(":", "+")}/acme/tool could not be checked out within 9 s`,
    ]);
    await gateway.disable("repos");
    expect(partial(), "once the plugin is off").to.deep.equal([]);
    expect(gateway.plugins()[0]).to.include({ faults: 0 });
  });
});
