import { readdirSync, readFileSync } from "node:fs";
import { expect } from "chai";
import { ADMIN_PATHS } from "#plugins/dashboard/openapi/paths.js";

/** A route as the code adds it. */
const ROUTE = /router\.(get|post|patch|delete)\("([^"]+)"/g;
const ROUTES = new URL("../../../plugins/dashboard/src/routes/", import.meta.url);

describe("dashboard: the API document", () => {
  it("documents exactly the routes in the code", () => {
    const inCode = readdirSync(ROUTES).flatMap((file) =>
      [...readFileSync(new URL(file, ROUTES), "utf8").matchAll(ROUTE)].map(
        ([, method = "", path = ""]) => `${method} ${path.replaceAll(/:(\w+)/g, "{$1}")}`,
      ),
    );
    const documented = Object.entries(ADMIN_PATHS)
      .filter(([path]) => path.startsWith("/"))
      .flatMap(([path, item]) => Object.keys(item).map((method) => `${method} ${path}`));
    expect(inCode).to.have.length.greaterThan(20);
    expect(documented).to.have.members(inCode);
  });
});
