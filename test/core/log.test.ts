import { execFileSync } from "node:child_process";
import { expect } from "chai";

const SECRETS = new URL("../../config/dist/known-secrets.js", import.meta.url).href;
const STREAMS = new URL("../../core/cli/dist/standard-streams.js", import.meta.url).href;
const LOG = new URL("../../core/dist/log.js", import.meta.url).href;

/** What a log writes on stderr while `lines` run with it. */
function written(level: string, secrets: readonly string[], lines: string): string {
  const script = `import { openLog } from ${JSON.stringify(LOG)};
    import { KnownSecrets } from ${JSON.stringify(SECRETS)};
    import { toStandardError } from ${JSON.stringify(STREAMS)};
    const secrets = new KnownSecrets({ secrets: ${JSON.stringify(secrets)} });
    const log = openLog(${JSON.stringify(level)}, secrets, toStandardError());
    ${lines}`;
  return execFileSync("sh", ["-c", 'exec "$0" --input-type=module -e "$1" 2>&1', process.execPath, script], {
    encoding: "utf8",
  });
}

describe("the operator's log", () => {
  it("is a JSON object a line, whatever is in it", () => {
    const text = written(
      "info",
      [],
      `log.info({ prompt: 'a"\\n{"level":"fatal"}' }, "two\\nlines"); log.debug("not shown");`,
    );
    const [line = "", ...rest] = text.split("\n");
    expect(rest).to.deep.equal([""]);
    expect(JSON.parse(line)).to.deep.include({
      level: "info",
      msg: "two\nlines",
      prompt: 'a"\n{"level":"fatal"}',
    });
    expect(Date.parse(JSON.parse(line).time)).to.be.closeTo(Date.now(), 60_000);
  });

  it("has no secret in any field: message, error, stack, nested values, keys", () => {
    const secret = 'sk-"quoted"\\12345';
    const text = written(
      "trace",
      [secret],
      `const s = ${JSON.stringify(secret)};
       log.info("a " + s + " and " + s);
       log.error({ err: new Error("failed with " + s), deep: [{ [s]: s }] }, s);`,
    );
    expect(text).to.not.include("12345");
    const lines = text
      .trim()
      .split("\n")
      .map((line): Record<string, unknown> => JSON.parse(line));
    expect(lines[0]).to.include({ msg: "a [secret] and [secret]" });
    expect(lines[1]).to.deep.include({ msg: "[secret]", deep: [{ "[secret]": "[secret]" }] });
    expect(lines[1]).to.have.nested.property("err.message", "failed with [secret]");
  });

  it("removes a secret completely that has another one as prefix", () => {
    const line = written("info", ["sk-12345678", "sk-12345678-admin"], 'log.info("sk-12345678-admin");');
    expect(JSON.parse(line)).to.include({ msg: "[secret]" });
  });

  it("stays a line of JSON where it names a link, with and without its token", () => {
    const text = written(
      "info",
      [],
      'log.info({ path: "/approvals/link/" }, "a"); log.info("see /approvals/link/abc");',
    );
    const lines = text.trim().split("\n");
    expect(lines.map((line) => JSON.parse(line).msg)).to.deep.equal(["a", "see /approvals/link/[token]"]);
  });

  it("stays readable with a secret as short as a word", () => {
    const line = written("info", ["info", "e"], 'log.info("hello there");');
    expect(JSON.parse(line)).to.include({ level: "info", msg: "hello there" });
  });
});
