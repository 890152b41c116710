import { expect } from "chai";
import { childEnvironment } from "#config/child-environment.js";
import { KnownSecrets } from "#config/known-secrets.js";

describe("the environment of a child", () => {
  it("is the gateway's own, without the variables that hold its secrets", () => {
    const from = { PATH: "/bin", WRAPPER_KEYS: "a:b", TOKEN: "t", EMPTY: "", UNSET: undefined };
    expect(
      childEnvironment(from, new KnownSecrets({ secretEnv: ["WRAPPER_KEYS", "TOKEN"], secrets: [] })),
    ).to.deep.equal({ PATH: "/bin", EMPTY: "" });
  });

  it("has no variable with a secret in its value, whatever its name", () => {
    const from = { A: "sk-12345678", B: "https://x/sk-12345678/y", C: "sk-1234567" };
    expect(
      childEnvironment(from, new KnownSecrets({ secretEnv: [], secrets: ["sk-12345678"] })),
    ).to.deep.equal({ C: "sk-1234567" });
  });

  it("keeps variables that happen to contain a short secret", () => {
    expect(
      childEnvironment({ EDITOR: "/usr/bin/vim" }, new KnownSecrets({ secretEnv: [], secrets: ["bin"] })),
    ).to.deep.equal({
      EDITOR: "/usr/bin/vim",
    });
  });

  it("keeps basic variables, even if they contain a plugin's folder", () => {
    const from = {
      PATH: "/home/me/tools/bin:/bin",
      HOME: "/home/me/tools",
      // Without it, the CLI would look for its login and its transcripts in another folder.
      CLAUDE_CONFIG_DIR: "/home/me/tools/claude",
      OTHER: "/home/me/tools",
    };
    expect(
      childEnvironment(from, new KnownSecrets({ secretEnv: [], secrets: ["/home/me/tools"] })),
    ).to.deep.equal({
      PATH: from.PATH,
      HOME: from.HOME,
      CLAUDE_CONFIG_DIR: from.CLAUDE_CONFIG_DIR,
    });
  });
});
