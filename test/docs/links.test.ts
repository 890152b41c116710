import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect } from "chai";
import { ROOT } from "../packaging/packed.js";

const FOLDERS = readdirSync(ROOT).filter((name) => !name.startsWith(".") && name !== "node_modules");
const PAGES = FOLDERS.flatMap((name) => (name.endsWith(".md") ? [name] : pagesIn(name)));

describe("the links of Markdown pages", () => {
  it("lead to files and headings that exist", () => {
    const broken = PAGES.flatMap((page) =>
      linksOf(page)
        .filter((link) => !isGood(page, link))
        .map((link) => `${page}: ${link}`),
    );
    expect(broken).to.deep.equal([]);
  });
});

function pagesIn(folder: string): string[] {
  if (!statSync(join(ROOT, folder)).isDirectory()) return [];
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".md") && !/(?:^|\/)(?:node_modules|dist|templates)\//.test(path))
    .map((path) => join(folder, path));
}

function linksOf(page: string): string[] {
  const links = [...textOf(page).matchAll(/\]\(([^)\s]+)\)|src="([^"]+)"/g)];
  return links.map(([, link, image]) => link ?? image ?? "").filter((link) => !/^[a-z]+:/.test(link));
}

function isGood(page: string, link: string): boolean {
  const [path = "", anchor] = link.split("#");
  const target = path === "" ? page : normalize(join(dirname(page), path));
  if (!existsSync(join(ROOT, target))) return false;
  return anchor === undefined || !target.endsWith(".md") || anchorsOf(target).includes(anchor);
}

/** The anchors of a page's headings, as GitHub names them. */
function anchorsOf(page: string): string[] {
  return [...textOf(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
}

/** A page without its code blocks. */
function textOf(page: string): string {
  return readFileSync(join(ROOT, page), "utf8").replaceAll(/^```[\s\S]*?^```/gm, "");
}
