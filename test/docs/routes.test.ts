import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { ROOT } from "../packaging/packed.js";

/** Generated; it has routes that do not exist on purpose. */
const EXEMPT = new Set(["docs/bad-inputs.md", "CHANGELOG.md"]);
/** The routes that docs/api.md describes, which are all of the gateway's own. */
const OWN = new Set(
  [...read("docs/api.md").matchAll(/^### `(\w+ \S+)`$/gm)].map(([, route = ""]) => anonymous(route)),
);
const FIRST_SEGMENTS = new Set([...OWN].map(firstSegment).filter(Boolean));

describe("the routes that Markdown pages name", () => {
  it("are described in docs/api.md, apart from those of plugins", () => {
    expect(OWN.size).to.be.greaterThan(20);
    const pages = execFileSync("git", ["ls-files", "*.md"], { cwd: ROOT, encoding: "utf8" })
      .trim()
      .split("\n");
    const unknown = pages
      .filter((page) => !EXEMPT.has(page))
      .flatMap((page) =>
        routesOf(page)
          .filter((route) => FIRST_SEGMENTS.has(firstSegment(route)) && !isOwn(route))
          .map((route) => `${page}: ${route}`),
      );
    expect(unknown).to.deep.equal([]);
  });
});

function read(page: string): string {
  return readFileSync(join(ROOT, page), "utf8");
}

/** The routes in code spans, such as `GET /turns/{}`. */
function routesOf(page: string): string[] {
  return [...read(page).matchAll(/`((?:GET|POST|PUT|PATCH|DELETE) \/[^\s`]*)/g)].map(([, route = ""]) =>
    anonymous(route),
  );
}

/** A route without the names of its parameters, and without a query. */
function anonymous(route: string): string {
  return route.replace(/\?.*$/, "").replaceAll(/(?<=\/)(?:\{\w+\}|:\w+)/g, "{}");
}

function firstSegment(route: string): string {
  return route.split("/")[1] ?? "";
}

/** A route may stand for those below it: `PUT /session/{}/files`. */
function isOwn(route: string): boolean {
  return [...OWN].some((own) => own === route || own.startsWith(`${route}/`));
}
