import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { runToEnd } from "../../e2e/gateway.js";
import { KeysGateway } from "./kit.js";

/** The real command against a running gateway. */
describe("claudeway keys", () => {
  let keys: KeysGateway;
  const cwd = mkdtempSync(join(tmpdir(), "claudeway-keys-"));
  before(async () => {
    keys = await KeysGateway.start();
  });
  after(async () => {
    await keys.gateway.close();
    rmSync(cwd, { recursive: true });
  });

  async function run(...args: readonly string[]) {
    const env = { CLAUDEWAY_URL: keys.gateway.url, CLAUDEWAY_KEY: keys.gateway.keys["admin"] ?? "" };
    return runToEnd(["keys", ...args], cwd, env);
  }
  const statusAs = async (secret: string) => (await keys.as(secret, "/sessions")).status;

  it("makes, shows, changes, rotates, disables, enables and deletes a key", async () => {
    const FLAGS = ["--tag", "a", "--tag", "b", "--model", "haiku", "--max-running", "2", "--owner", "ann"];
    const made = await run("create", "ci", ...FLAGS);
    expect(made.stderr).to.equal("");
    const [head = "", secret = ""] = made.stdout.split("\n");
    const id = head.split(":")[0] ?? "";
    expect(await statusAs(secret)).to.equal(200);
    expect(JSON.parse((await run("show", id)).stdout)).to.deep.include({
      name: "ci",
      tags: ["a", "b"],
      models: ["haiku"],
      max_running: 2,
      owner: "ann",
    });
    const changed = await run("change", id, "--name", "new", "--unset", "models");
    expect(JSON.parse(changed.stdout)).to.deep.include({ name: "new", models: null, owner: "ann" });
    const rotated = JSON.parse((await run("rotate", id, "--grace", "0", "--json")).stdout);
    expect([await statusAs(secret), await statusAs(rotated.secret)]).to.deep.equal([401, 200]);
    expect((await run("disable", id, "--running", "cancel")).stdout).to.equal(`${id}: disabled\n`);
    expect(await statusAs(rotated.secret)).to.equal(401);
    expect((await run("enable", id)).stdout).to.equal(`${id}: enabled\n`);
    expect((await run("list")).stdout).to.match(
      new RegExp(`^admin +admin .*\\n.*\\n?.*${id} +active +new +ann +a,b +0 +0.00`, "m"),
    );
    expect(JSON.parse((await run("list", "--json")).stdout)).to.have.length(3);
    expect((await run("delete", id)).stdout).to.equal(`${id}: deleted\n`);
    expect(await statusAs(rotated.secret)).to.equal(401);
  });

  it("says in one line what was wrong", async () => {
    const LINES: readonly (readonly [readonly string[], RegExp])[] = [
      [[], /^claudeway: keys: the action must be one of list, create, .+, got nothing\n$/],
      [["make", "a"], /the action must be one of/],
      [["create"], /^claudeway: keys: create must be followed by a name, got nothing\n$/],
      [["delete", "a", "b"], /delete must be followed by the id of a key, got "a" "b"/],
      [
        ["create", "a", "--secret", "s"],
        /^claudeway: keys: unknown option '--secret'; see claudeway keys --help\n$/,
      ],
      [["create", "a", "--max-running", "x"], /--max-running must be an integer, got "x"/],
      [["create", "a", "--allow", "all"], /^claudeway: keys: allow must be a list .+ \[BAD_REQUEST\]\n$/],
      [["rotate", "a", "--owner", "b"], /^claudeway: keys: rotate accepts --grace, --json, got --owner\n$/],
      [["show", "a", "--json"], /^claudeway: keys: show accepts no flags, got --json\n$/],
      [["delete", "admin"], /^claudeway: keys: no such key \[NOT_FOUND\]/],
      [["disable", "../../sessions"], /no such key|no route/],
    ];
    const answers = await Promise.all(LINES.map(([args]) => run(...args)));
    for (const [index, { code, stdout, stderr }] of answers.entries()) {
      const [args, line] = LINES[index] ?? [[], /^$/];
      expect(stderr, args.join(" ")).to.match(line);
      expect({ code, stdout }).to.deep.equal({ code: 1, stdout: "" });
    }
  });
});
