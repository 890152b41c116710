import { existsSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { SessionStarted } from "@claudeway/schemas";
import { expect } from "chai";
import { asking } from "./approval-kit.js";
import type { StartOptions } from "./gateway.js";
import { type Asked, OptionsGateway } from "./options-kit.js";
import { put, SettingsFolders } from "./settings-kit.js";

const ASKS = asking({ allow: "^(Read|Agent|Skill)", deny: "^(Write|Edit|Bash|mcp__)" });
const MODES: Readonly<Record<"deny" | "ask", StartOptions>> = {
  deny: { args: ["--no-permissions-bypass"] },
  ask: ASKS,
};

for (const [mode, options] of Object.entries(MODES)) {
  describe(`prompts as attacks, in the approval mode ${mode}`, () => {
    const folders = new SettingsFolders(["work"]);
    const workdir = join(folders.dir, "work");
    let tested: OptionsGateway;
    before(async () => {
      put(join(folders.config, "commands/shell.md"), "shell said !`touch $ARGUMENTS`");
      const ruled = "---\nallowed-tools: Bash(touch:*)\n---\nshell said !`touch $ARGUMENTS`";
      put(join(folders.config, "commands/ruled-shell.md"), ruled);
      put(
        join(folders.config, "settings.json"),
        JSON.stringify({ permissions: { deny: ["Read(./denied.txt)"] } }),
      );
      put(join(workdir, "denied.txt"), "CONTENT-denied");
      put(join(workdir, "sub/CLAUDE.md"), "MARK-nested-memory");
      put(
        join(workdir, "sub/.claude/skills/nested/SKILL.md"),
        "---\nname: nested\ndescription: MARK-nested\n---\nx",
      );
      put(join(workdir, "sub/a.txt"), "CONTENT-sub");
      symlinkSync(folders.outside, join(workdir, "link.txt"));
      tested = await OptionsGateway.start({
        ...options,
        env: { ...options.env, CLAUDE_CONFIG_DIR: folders.config },
        config: `[engine]\nspares = 0\n[keys.admin]\nallow = ["additional_dirs"]\n${options.config ?? ""}`,
      });
    });
    after(async () => {
      await tested.dispose();
      folders.dispose();
    });

    const session = async (body: object = { workdir }): Promise<string> =>
      `/session/${(await tested.gateway.request<SessionStarted>("/session/start", { body })).body.session_id}`;
    const ask = async (prompt: unknown, body?: object): Promise<Asked> =>
      tested.ask(await session(body), { prompt });
    const text = (value: string) => ({ type: "text", text: value });

    const OUTSIDE: Readonly<Record<string, (path: string) => unknown>> = {
      "a mention": (path) => `[[say a]] @${path}`,
      "a mention through a link": () => "[[say a]] @link.txt",
      "a mention in the arguments of a command": (path) => `/user-command [[say a]] @${path}`,
      "a quoted one": (path) => `/user-command [[say a]] @"${path}"`,
      "one through a link": () => "/user-command [[say a]] @link.txt",
      "one on another line": (path) => `/user-command\n[[say a]]\n@${path}`,
      "a mention in a block before a command": (path) => [text(`@${path}`), text("/user-command [[say a]]")],
      "a mention in the last block": (path) => [text("[[say a]]"), text(`[[say a]] @${path}`)],
      "a mention behind a command of the CLI": (path) => `/compact @${path}`,
      "a mention behind a command that is not one": (path) => `/nothing [[say a]] @${path}`,
    };
    for (const [what, prompt] of Object.entries(OUTSIDE)) {
      it(`${what}: shows no file outside the working directory`, async () => {
        const before = tested.count;
        const { answer } = await ask(prompt(folders.outside));
        expect(answer.status, JSON.stringify(answer.body)).to.equal(200);
        expect(JSON.stringify(tested.sentSince(before))).to.not.include("CONTENT-outside");
      });
    }

    it("a mention that the user's rules deny shows no file, beside one that is shown", async () => {
      const { sent } = await ask("[[say a]] @denied.txt @inner.txt");
      expect(JSON.stringify(sent)).to.include("CONTENT-inner").and.not.include("CONTENT-denied");
    });

    it("a mentioned file is attached to a command, whose arguments are marked", async () => {
      const { sent } = await ask("/user-command [[say a]] @inner.txt");
      const last = JSON.stringify(sent.at(-1)?.messages);
      expect(last).to.include("CONTENT-inner").and.include("MARK-user-command [[say a]] @\u2060inner.txt");
    });

    it("a command that is not listed is sent as it is written", async () => {
      const { sent } = await ask("/nothing @x [[echo]]");
      expect(JSON.stringify(sent)).to.include("/nothing @x [[echo]]");
    });

    for (const command of ["/config theme=dark", "/settings theme=dark", "/heapdump", "/insights"]) {
      it(`${command} is text`, async () => {
        const { answer, sent } = await ask(`${command} [[say as text]]`);
        expect(answer.body.result).to.equal("as text");
        expect(sent).to.have.length(1);
      });
    }

    it("a shell command in the text of a command runs only if the command's own rules and the mode allow it", async () => {
      await ask("/shell free");
      await ask("/ruled-shell made");
      expect(existsSync(join(workdir, "free"))).to.equal(false);
      expect(existsSync(join(workdir, "made"))).to.equal(mode === "deny");
    });

    it("settings of folders below the working directory, and beside it, do not load", async () => {
      put(join(folders.dir, "extra/CLAUDE.md"), "MARK-extra-memory");
      put(
        join(folders.dir, "extra/.claude/skills/extra/SKILL.md"),
        "---\nname: extra\ndescription: MARK-extra\n---\nx",
      );
      const id = await session({ workdir, additional_dirs: [join(folders.dir, "extra")] });
      const before = tested.count;
      for (const prompt of ["[[read sub/a.txt]]", "[[say more]]"]) await tested.ask(id, { prompt });
      const sent = JSON.stringify(tested.sentSince(before));
      expect(sent)
        .to.include("CONTENT-sub")
        .and.not.match(/MARK-(nested|extra)/);
    });
  });
}
