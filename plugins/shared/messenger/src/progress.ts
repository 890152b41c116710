import type { Frame } from "@claudeway/core";

/** Arguments that say best what a call does, the best first. */
const TELLING = ["command", "file_path", "notebook_path", "pattern", "url", "query", "path", "description"];
/** Tools whose calls leave a file. */
const WRITING = ["Write", "NotebookEdit"];
const MAX_LINE = 80;
const MAX_WRITTEN = 100;

/** What a turn does, from its tool calls. */
export class Progress {
  /** Files that it has written, by their paths. */
  readonly written = new Set<string>();
  #line = "";

  /** The call at the moment, in Markdown; empty while Claude writes. */
  get line(): string {
    return this.#line;
  }

  /** Claude writes. */
  writes(): void {
    this.#line = "";
  }

  /** A tool call, as a frame of the turn has it. */
  calls(data: Frame["data"]): void {
    if (typeof data !== "object" || data === null || !("name" in data) || !("input" in data)) return;
    const { name, input } = data;
    const said = TELLING.map((key) => input[key]).find((value) => typeof value === "string") ?? "";
    const line = `${name} ${String(said)}`.replace(/[\s`]+/g, " ").trim();
    this.#line = `🔧 \`${Array.from(line).slice(0, MAX_LINE).join("")}\``;
    const path = input["file_path"] ?? input["notebook_path"];
    if (WRITING.includes(name) && typeof path === "string" && this.written.size < MAX_WRITTEN)
      this.written.add(path);
  }
}
