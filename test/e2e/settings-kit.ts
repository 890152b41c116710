import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const SERVER = fileURLToPath(new URL("../fixtures/mcp/stdio.cjs", import.meta.url));

export function put(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** Folders with settings of the CLI's user and of working directories: everything in them leaves a mark when it loads. */
export class SettingsFolders {
  readonly dir = realpathSync(mkdtempSync(join(tmpdir(), "claudeway-settings-")));
  /** The CLI's configuration folder. */
  readonly config = join(this.dir, "claude");
  /** A file outside every working directory. */
  readonly outside = join(this.dir, "outside.txt");
  readonly #log = join(this.dir, "log");

  /**
   * @param workdirs names of working directories below `dir`
   * @param accepted further ones, which the CLI itself trusts
   */
  constructor(workdirs: readonly string[], accepted: readonly string[] = []) {
    writeFileSync(this.#log, "");
    writeFileSync(this.outside, "CONTENT-outside");
    this.#fill(this.config, "user");
    const projects: Record<string, object> = {};
    for (const name of [...workdirs, ...accepted]) {
      const workdir = join(this.dir, name);
      this.#fill(join(workdir, ".claude"), "work");
      put(join(workdir, "CLAUDE.md"), "MARK-work-memory");
      put(join(workdir, "inner.txt"), "CONTENT-inner");
      put(join(workdir, ".mcp.json"), JSON.stringify({ mcpServers: { work: this.#server("work") } }));
      projects[workdir] = {
        mcpServers: { local: this.#server("local") },
        hasTrustDialogAccepted: accepted.includes(name),
      };
    }
    const own = { mcpServers: { user: this.#server("user") }, projects };
    put(join(this.config, ".claude.json"), JSON.stringify(own));
  }

  /** The lines that hooks and servers have written since the last call. */
  logged(): string[] {
    const lines = readFileSync(this.#log, "utf8").trim().split("\n");
    writeFileSync(this.#log, "");
    return lines;
  }

  dispose(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }

  #server(name: string): object {
    return { command: process.execPath, args: [SERVER, name, this.#log] };
  }

  #fill(folder: string, whose: "user" | "work"): void {
    put(join(folder, "CLAUDE.md"), `MARK-${whose}-memory`);
    put(join(folder, "commands", `${whose}-command.md`), `MARK-${whose}-command $ARGUMENTS`);
    const skill = `---\nname: ${whose}-skill\ndescription: MARK-${whose}-skill\n---\nText`;
    put(join(folder, "skills", `${whose}-skill`, "SKILL.md"), skill);
    const agent = `---\nname: ${whose}-agent\ndescription: MARK-${whose}-agent\n---\nText`;
    put(join(folder, "agents", `${whose}-agent.md`), agent);
    const command = `echo "hook-${whose} variable=$FROM_WORK" >> ${this.#log}`;
    const settings = {
      hooks: { UserPromptSubmit: [{ hooks: [{ type: "command", command }] }] },
      ...(whose === "work" && {
        env: { FROM_WORK: "set" },
        permissions: { allow: ["Bash(touch ruled)"] },
      }),
    };
    put(join(folder, "settings.json"), JSON.stringify(settings));
  }
}
