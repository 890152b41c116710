// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is what the file takes
import { hostname } from "node:os";
import { expect } from "chai";
import { loadRun, refusal } from "./sources.js";

const KEYS = ["--keys", "a:secret-of-a-key"];
const SECTION = `[cluster]
url = "postgres://u:pass-word@db/x"
advertise = "http://10.0.0.5:3000/"
secret = "shared-by-all-nodes"
`;

describe("the section [cluster]", () => {
  it("is complete with a URL, an address and a secret", () => {
    const { config } = loadRun({ argv: KEYS, file: SECTION });
    expect(config.cluster).to.deep.equal({
      url: "postgres://u:pass-word@db/x",
      node: hostname().replaceAll(/[^A-Za-z0-9._-]/g, "-"),
      advertise: "http://10.0.0.5:3000",
      secret: "shared-by-all-nodes",
      lease_secs: 30,
      shared_workdirs: false,
    });
  });

  it("uses the database of the ledger if it names none", () => {
    const file = SECTION.replace(/^url.*$/m, "");
    const env = { LEDGER_URL: "postgres://db/x" };
    expect(loadRun({ argv: KEYS, file, env }).config.cluster?.url).to.equal("postgres://db/x");
    expect(refusal({ argv: KEYS, file })).to.equal(
      "./claudeway.toml: [cluster]: url must be set, or ledger_url",
    );
  });

  it("keeps its secrets out of child processes and lines", () => {
    const env = { NODE_SECRET: "shared-by-all-nodes", DB: "postgres://u:pass-word@db/x" };
    const file = SECTION.replace("shared-by-all-nodes", "${NODE_SECRET}").replace(
      /^url.*$/m,
      'url = "${DB}"',
    );
    const { secrets, secretEnv } = loadRun({ argv: KEYS, file, env });
    expect(secrets).to.include.members(["shared-by-all-nodes", "pass-word", env.DB]);
    expect(secretEnv).to.include.members(["NODE_SECRET", "DB"]);
  });

  it("is absent by default", () => {
    expect(loadRun().config.cluster).to.equal(undefined);
  });

  const refused: readonly (readonly [string, string, string])[] = [
    [
      "another database beside it",
      `ledger_url = "postgres://other/x"\n${SECTION}`,
      "./claudeway.toml: [cluster]: url and ledger_url must be the same database; set one of them",
    ],
    [
      "a short secret",
      SECTION.replace("shared-by-all-nodes", "short"),
      "./claudeway.toml: cluster.secret must be a text of at least 16 characters, got a string (not shown)",
    ],
    [
      "an address with a path",
      SECTION.replace("3000/", "3000/x"),
      './claudeway.toml: cluster.advertise must be a URL without a path, such as http://10.0.0.5:3000, got "http://10.0.0.5:3000/x"',
    ],
    [
      "a lease that is too short",
      `${SECTION}lease_secs = 1`,
      "./claudeway.toml: cluster.lease_secs must be a number from 2 to 3600, got 1",
    ],
    [
      "a name with a space",
      `${SECTION}node = "a b"`,
      './claudeway.toml: cluster.node must be up to 63 letters, digits, dots, hyphens and underscores, got "a b"',
    ],
  ];
  for (const [name, file, line] of refused) {
    it(`refuses ${name}`, () => expect(refusal({ argv: KEYS, file })).to.equal(line));
  }

  it("refuses a generated key", () => {
    expect(refusal({ file: SECTION })).to.equal(
      "./claudeway.toml: [cluster] needs keys: one that a node generates is unknown to the others; set keys, or WRAPPER_KEYS",
    );
  });
});
