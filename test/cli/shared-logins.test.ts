import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { formatChecks } from "#cli/check.js";
import { SHARED_LOGIN_ADVICE, sharedLogins } from "#cli/shared-logins.js";
import { loadRun } from "../config/sources.js";

describe("logins that can't be shared", () => {
  let dir: string;
  let home: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "claudeway-logins-"));
    home = folder(join(dir, "home", ".claude"));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  function folder(path: string, refreshToken?: string): string {
    mkdirSync(path, { recursive: true });
    if (refreshToken !== undefined) login(path, refreshToken);
    return path;
  }

  function login(path: string, refreshToken: string): void {
    const stored = { claudeAiOauth: { accessToken: "sk-ant-oat01-x", refreshToken, expiresAt: 1 } };
    writeFileSync(join(path, ".credentials.json"), JSON.stringify(stored));
  }

  const ofKey = (id: string) => join(dir, "data", "claude", id);

  function warnings(more = "", env: Readonly<Record<string, string>> = {}): string[] {
    const file = `data_dir = "${join(dir, "data")}"\n[engine]\nconfig_dirs = "per_key"\n${more}`;
    const loaded = loadRun({ file, env: { WRAPPER_KEYS: "a:1,b:2,c:3" } });
    return sharedLogins(loaded, { HOME: join(dir, "home"), ...env });
  }

  it("are copies in the folders of two keys, and say what to use instead", () => {
    folder(ofKey("a"), "ref-secret");
    folder(ofKey("b"), "ref-secret");
    folder(ofKey("c"), "ref-other");
    const text = `${ofKey("a")} (key a) and ${ofKey("b")} (key b) have copies of one login, which log each other out when they are refreshed; ${SHARED_LOGIN_ADVICE}`;
    expect(warnings()).to.deep.equal([text]);
    expect(text).to.include("ANTHROPIC_API_KEY").and.include("CLAUDE_CODE_OAUTH_TOKEN");
  });

  it("are copies of the login of the gateway's user, also as a link", () => {
    login(home, "ref-secret");
    folder(ofKey("a"));
    symlinkSync(join(home, ".credentials.json"), join(ofKey("a"), ".credentials.json"));
    const [found = "", ...more] = warnings("", { ANTHROPIC_API_KEY: "" });
    expect(found).to.include(`${ofKey("a")} (key a) and ${home} (the gateway's user)`);
    expect(more).to.deep.equal([]);
  });

  it("are not those that keys with an account of their own leave unused", () => {
    folder(ofKey("a"), "ref-secret");
    folder(ofKey("b"), "ref-secret");
    expect(warnings('[keys.b.env]\nANTHROPIC_API_KEY = "x"\n')).to.deep.equal([]);
    const accounts = '[accounts.main]\nANTHROPIC_API_KEY = "x"\n[keys.a]\naccounts = ["main"]\n';
    expect(warnings(accounts)).to.deep.equal([]);
    expect(warnings("", { CLAUDE_CODE_OAUTH_TOKEN: "x" })).to.deep.equal([]);
  });

  it("are not one folder that several keys use: its processes wait for each other", () => {
    const shared = folder(join(dir, "shared"), "ref-secret");
    const env = (key: string) => `[keys.${key}.env]\nCLAUDE_CONFIG_DIR = "${shared}"\n`;
    expect(warnings(env("a") + env("b"))).to.deep.equal([]);
  });

  it("are none where files are broken, or hold no login", () => {
    for (const [id, text] of [
      ["a", "{"],
      ["b", "null"],
      ["c", '{"claudeAiOauth":{"refreshToken":""}}'],
    ] as const) {
      folder(ofKey(id));
      writeFileSync(join(ofKey(id), ".credentials.json"), text);
    }
    expect(warnings()).to.deep.equal([]);
  });

  it("are shown as warnings, with which the check does not fail", () => {
    const lines = [
      { name: "port", ok: true, text: "any" },
      { name: "login", ok: true, warning: true, text: "shared" },
      { name: "claude", ok: false, text: "missing" },
    ];
    expect(formatChecks(lines)).to.equal("ok   port    any\nwarn login   shared\nFAIL claude  missing\n");
  });
});
