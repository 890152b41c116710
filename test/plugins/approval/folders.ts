import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import {
  compileRules,
  decide,
  type ProtectedPaths,
  type RuleConfig,
  type Ruling,
} from "#plugins/approval/rules/index.js";

export const MINE = "11111111-1111-4111-8111-111111111111";
export const OTHER = "22222222-2222-4222-8222-222222222222";

/** As long as a timer can be set: what is decided must not depend on how busy the machine is. */
export const NO_DEADLINE_MS = 2 ** 31 - 1;

/** A gateway's folders with two sessions in them, and rulings for calls of the first. */
export class Folders {
  readonly root = realpathSync(mkdtempSync(join(tmpdir(), "claudeway-rules-")));
  readonly workdir = join(this.root, "tasks", MINE);
  readonly guarded: ProtectedPaths = {
    own: ["claudeway.toml", "data", "logs"].map((name) => join(this.root, "gateway", name)),
    workdirs: join(this.root, "tasks"),
  };

  constructor() {
    this.write("gateway/claudeway.toml", "keys = []");
    this.write("gateway/data/ledger.sqlite", "");
    this.write("gateway/logs/admin/2026-01.log", "");
    this.write(`tasks/${MINE}/notes.txt`, "mine");
    this.write(`tasks/${MINE}/src/main.ts`, "mine");
    this.write(`tasks/${OTHER}/notes.txt`, "not mine");
    this.write("elsewhere/file.txt", "elsewhere");
  }

  /** Below the root. */
  path(...names: string[]): string {
    return join(this.root, ...names);
  }

  write(name: string, content: string): void {
    mkdirSync(dirname(this.path(name)), { recursive: true });
    writeFileSync(this.path(name), content);
  }

  /** A link in the workdir. */
  link(name: string, target: string): void {
    symlinkSync(target, join(this.workdir, name));
  }

  call(
    tool: string,
    input: Readonly<Record<string, unknown>>,
    rules: readonly RuleConfig[] = [],
  ): Promise<Ruling> {
    return decide({ tool, input, workdir: this.workdir }, compileRules(rules), this.guarded, NO_DEADLINE_MS);
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

export async function verdictOf(ruling: Promise<Ruling>): Promise<Ruling["verdict"]> {
  return (await ruling).verdict;
}
