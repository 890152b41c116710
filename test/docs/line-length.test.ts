import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { ROOT } from "../packaging/packed.js";

const MAX_CHARACTERS = 130;
/** Generated from the sources, and the changelog. */
const GENERATED = /^docs\/(?:reference\/|bad-inputs\.md$)/;

describe("the lines of Markdown pages", () => {
  it(`have at most ${MAX_CHARACTERS} characters outside of tables and code`, () => {
    const pages = ["", "core", "docs", "plugins"].flatMap(pagesIn).filter((page) => !GENERATED.test(page));
    expect(pages).to.include.members(["README.md", "docs/api.md", "plugins/approval/README.md"]);
    expect(pages.flatMap(longLinesOf)).to.deep.equal([]);
  });
});

/** The pages in a folder, and below it unless it is the root. */
function pagesIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: folder !== "", encoding: "utf8" })
    .map((path) => join(folder, path))
    .filter((path) => path.endsWith(".md") && !/(?:^|\/)(?:node_modules|dist)\//.test(path));
}

function longLinesOf(page: string): string[] {
  const lines = readFileSync(join(ROOT, page), "utf8").split("\n");
  let isCode = false;
  return lines.flatMap((line, index) => {
    if (line.startsWith("```")) isCode = !isCode;
    if (isCode || line.startsWith("|") || [...line].length <= MAX_CHARACTERS) return [];
    return [`${page}:${index + 1}: ${line}`];
  });
}
