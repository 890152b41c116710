import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const MAX_CHARACTERS = 130;
/** Generated pages, and the list that every change adds to. */
const EXEMPT = /^(?:docs\/reference\/|docs\/bad-inputs\.md$|CHANGELOG\.md$)/;

/** The lines of Markdown pages that are too long to read in a terminal or a diff, as `page:line`; tables and code may be. */
export function longLines(root) {
  const pages = execFileSync("git", ["ls-files", "*.md"], { cwd: root, encoding: "utf8" }).trim().split("\n");
  return pages.filter((page) => !EXEMPT.test(page)).flatMap((page) => longLinesOf(root, page));
}

function longLinesOf(root, page) {
  let isCode = false;
  return readFileSync(join(root, page), "utf8")
    .split("\n")
    .flatMap((line, index) => {
      if (line.startsWith("```")) isCode = !isCode;
      if (isCode || line.startsWith("|") || [...line].length <= MAX_CHARACTERS) return [];
      return [`${page}:${index + 1}: at most ${MAX_CHARACTERS} characters, got ${[...line].length}`];
    });
}
