import { readFileSync } from "node:fs";
import { expect } from "chai";
import { ATTACKS } from "../plugins/sandbox/attacks.js";

const PAGE = new URL("../../docs/security.md", import.meta.url);
/** What the page has to have, at least. */
const IDEAS = 150;

describe("docs/security.md", () => {
  const [, part = ""] = readFileSync(PAGE, "utf8").split("## Ideas that were tried, one by one");
  const groups = part.split(/^### /m).slice(1);
  const ideasOf = (group: string) =>
    group
      .split("\n")
      .filter((line) => /^\| (?!idea )/.test(line))
      .map((line) =>
        line
          .slice(1, -1)
          .split(/(?<!\\)\|/)
          .map((cell) => cell.trim()),
      );

  it("has ideas with what happened and their test, each once in its group", () => {
    expect(groups.flatMap(ideasOf).length).to.be.at.least(IDEAS);
    for (const group of groups) {
      const rows = ideasOf(group);
      for (const row of rows) {
        expect(row, row.join(" | ")).to.have.length(3);
        expect(row[2], row.join(" | ")).to.match(/\]\(\.\.\/test\/\S+\)$/);
        expect(row.every(Boolean), row.join(" | ")).to.equal(true);
      }
      const names = rows.map(([idea]) => idea);
      expect(names.filter((idea, index) => names.indexOf(idea) !== index)).to.deep.equal([]);
    }
  });

  it("has every attack on the sandbox", () => {
    const ideas = groups.flatMap(ideasOf).map(([idea]) => idea);
    expect(ATTACKS.map(({ what }) => what).filter((what) => !ideas.includes(what))).to.deep.equal([]);
  });
});
