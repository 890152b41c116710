import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { SessionStarted } from "@claudeway/schemas";
import { expect } from "chai";
import { asking } from "./approval-kit.js";
import type { StartOptions } from "./gateway.js";
import { OptionsGateway } from "./options-kit.js";
import { SettingsFolders } from "./settings-kit.js";

const PAGE = readFileSync(new URL("../../docs/settings.md", import.meta.url), "utf8");
/** The table's columns: approval mode, and whether the working directory is trusted. */
const COLUMNS = ["bypass", "deny", "deny, trusted", "ask", "ask, trusted"] as const;

const ROWS = [...PAGE.matchAll(/^\| (.+) \|$/gm)]
  .map(([, row = ""]) => row.split(" | "))
  .filter(([, cell]) => cell === "yes" || cell === "no");

const ASKS = asking({ allow: "^(Read|Agent|Skill)", deny: "^(Write|Edit|Bash|mcp__)" });

const STARTS: Readonly<Record<string, StartOptions>> = {
  bypass: { env: { IS_SANDBOX: "1" } },
  deny: { args: ["--no-permissions-bypass"] },
  ask: ASKS,
};

/** What was seen in one session. */
interface Seen {
  /** All that the model was sent. */
  readonly sent: string;
  /** The answers by prompt. */
  readonly answers: Readonly<Record<string, string>>;
  readonly logged: readonly string[];
  readonly ruled: boolean;
  /** The same in a working directory that the CLI itself trusts. */
  readonly ruledAccepted: boolean;
}

/** For each row of the table, whether it was seen. */
const SIGNS: Readonly<Record<string, (seen: Seen) => boolean>> = {
  "the user's memory (`CLAUDE.md`)": ({ sent }) => sent.includes("MARK-user-memory"),
  "the user's commands": ({ answers }) =>
    answers["/user-command x"]?.includes("MARK-user-command x") ?? false,
  "the user's skills": ({ sent }) => sent.includes("MARK-user-skill"),
  "the user's subagents": ({ sent }) => sent.includes("MARK-user-agent"),
  "the user's MCP servers": ({ sent, logged }) =>
    sent.includes("mcp__user__tool") && logged.includes("server-user"),
  "the user's hooks": ({ logged }) => logged.some((line) => line.startsWith("hook-user")),
  "the workdir's memory (`CLAUDE.md`)": ({ sent }) => sent.includes("MARK-work-memory"),
  "the workdir's commands": ({ answers }) =>
    answers["/work-command x"]?.includes("MARK-work-command x") ?? false,
  "the workdir's skills": ({ sent }) => sent.includes("MARK-work-skill"),
  "the workdir's subagents": ({ sent }) => sent.includes("MARK-work-agent"),
  "the workdir's MCP servers (`.mcp.json`)": ({ sent, logged }) =>
    sent.includes("mcp__work__tool") || logged.includes("server-work"),
  "the user's MCP servers for this workdir only": ({ sent, logged }) =>
    sent.includes("mcp__local__tool") || logged.includes("server-local"),
  "the workdir's hooks": ({ logged }) => logged.some((line) => line.startsWith("hook-work")),
  "the workdir's variables (`env` in its settings)": ({ logged }) =>
    logged.includes("hook-user variable=set"),
  "the workdir's rules that allow calls": ({ ruled }) => ruled,
  "the same, if the CLI itself trusts the workdir": ({ ruledAccepted }) => ruledAccepted,
  "`@file` in the workdir": ({ sent }) => sent.includes("CONTENT-inner"),
  "`@file` elsewhere": ({ sent }) => sent.includes("CONTENT-outside"),
  "the CLI's own commands, such as `/context`": ({ answers }) =>
    answers["/context"]?.includes("Context Usage") ?? false,
  "the CLI's commands that reach beyond the session, such as `/config`": ({ answers }) =>
    answers["/config theme=dark"]?.includes("Set Theme") ?? false,
};

describe("the table in docs/settings.md", () => {
  const folders = new SettingsFolders(["trusted/site", "other"], ["trusted/accepted", "other-accepted"]);
  const seen = new Map<string, Seen>();

  before(async () => {
    for (const [mode, options] of Object.entries(STARTS)) {
      const trusted = `[engine]\nspares = 0\ntrusted_workdirs = ["${folders.dir}/trusted/**"]\n`;
      const tested = await OptionsGateway.start({
        ...options,
        env: { ...options.env, CLAUDE_CONFIG_DIR: folders.config },
        config: trusted + (options.config ?? ""),
      });
      try {
        seen.set(mode, await lookAt(tested, "other", "other-accepted"));
        if (mode !== "bypass")
          seen.set(`${mode}, trusted`, await lookAt(tested, "trusted/site", "trusted/accepted"));
      } finally {
        await tested.dispose();
      }
    }
  });
  after(() => folders.dispose());

  async function start(tested: OptionsGateway, workdir: string): Promise<string> {
    const { body } = await tested.gateway.request<SessionStarted>("/session/start", { body: { workdir } });
    return `/session/${body.session_id}`;
  }

  /** Whether a call runs that only the workdir's rules allow. */
  async function runsRuled(tested: OptionsGateway, name: string): Promise<boolean> {
    const workdir = join(folders.dir, name);
    rmSync(join(workdir, "ruled"), { force: true });
    await tested.ask(await start(tested, workdir), { prompt: "[[bash touch ruled]]" });
    return existsSync(join(workdir, "ruled"));
  }

  async function lookAt(tested: OptionsGateway, name: string, accepted: string): Promise<Seen> {
    folders.logged();
    const session = await start(tested, join(folders.dir, name));
    const prompts = [
      "[[say Hi]]",
      "/user-command x",
      "/work-command x",
      "[[say a]] @inner.txt",
      `[[say b]] @${folders.outside}`,
      "/context",
      "/config theme=dark",
    ];
    const answers: Record<string, string> = {};
    let sent = "";
    for (const prompt of prompts) {
      const asked = await tested.ask(session, { prompt });
      answers[prompt] = asked.answer.body.result;
      sent += JSON.stringify(asked.sent);
    }
    const logged = folders.logged();
    const [ruled, ruledAccepted] = [await runsRuled(tested, name), await runsRuled(tested, accepted)];
    return { sent, answers, logged, ruled, ruledAccepted };
  }

  it("has a row for everything that is looked at", () => {
    expect(ROWS.map(([what]) => what)).to.deep.equal(Object.keys(SIGNS));
  });

  for (const [what = "", ...cells] of ROWS) {
    for (const [index, column] of COLUMNS.entries()) {
      it(`${what}: ${cells[index]} in ${column}`, () => {
        const found = seen.get(column);
        if (found === undefined) throw new Error(`nothing was seen in ${column}`);
        expect(SIGNS[what]?.(found)).to.equal(cells[index] === "yes");
      });
    }
  }
});
