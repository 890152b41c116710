import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { TestGateway } from "../e2e/gateway.js";
import { temporaryFolder } from "../temporary.js";

/** What only a cluster, or a database, needs. */
const OF_CLUSTERS = /\/(core\/cluster|core\/ledger-postgres|node_modules\/pg[^/]*)\//;

describe("a gateway without [cluster]", () => {
  it("loads no module for clusters or PostgreSQL", async () => {
    const coverage = temporaryFolder("claudeway-loaded-");
    const gateway = await TestGateway.start({ env: { IS_SANDBOX: "1", NODE_V8_COVERAGE: coverage } });
    try {
      await gateway.stop();
    } finally {
      await gateway.dispose();
    }
    const loaded = readdirSync(coverage).flatMap((file) =>
      urlsIn(readFileSync(join(coverage, file), "utf8")),
    );
    expect(loaded.some((url) => url.includes("/core/cli/bundle/main.js"))).to.equal(true);
    expect(loaded.filter((url) => OF_CLUSTERS.test(url))).to.deep.equal([]);
  });
});

function urlsIn(report: string): string[] {
  const { result }: { result: readonly { readonly url: string }[] } = JSON.parse(report);
  return result.map(({ url }) => url);
}
