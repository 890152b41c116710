import { existsSync, readFileSync } from "node:fs";
import repos from "@claudeway/plugin-repos";
import slack from "@claudeway/plugin-slack";
import telegram from "@claudeway/plugin-telegram";
import { expect } from "chai";

interface Setting {
  readonly description: string;
  readonly default?: unknown;
}

for (const { name, configSchema } of [repos, slack, telegram]) {
  describe(`${name}'s README`, () => {
    const folder = new URL(`../../plugins/${name}/`, import.meta.url);
    const text = readFileSync(new URL("README.md", folder), "utf8");

    it("lists every setting as the schema describes it", () => {
      const settings = Object.entries(configSchema["properties"] as Readonly<Record<string, Setting>>);
      const rows = settings.map(([key, { description, default: standard }]) => {
        const shown = standard === undefined ? "" : `\`${JSON.stringify(standard).replaceAll(",", ", ")}\``;
        return `| \`${key}\` | ${shown} | ${description} |`;
      });
      expect(text.match(/^\| `\w+` \|.*$/gm)).to.deep.equal(rows);
    });

    const count = name === "repos" ? 0 : 7;
    it(`shows ${count} pictures that exist`, () => {
      const pictures = [...text.matchAll(/src="([^"]+\.png)"/g)].map(([, path = ""]) => path);
      expect(pictures).to.have.length(count);
      for (const path of pictures) expect(existsSync(new URL(path, folder)), path).to.equal(true);
    });
  });
}
