import { realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import { ReposGateway } from "./kit.js";

const REFUSED = /must not be, contain, or be inside the folder of the repositories/;

const secret = (name: string) => `sk-${name}-0123456789abcdef`;

/** The key `other` works in `sub/deep` of its own repository; a sync makes `sub` a link into a repository of `user`. */
describe("a folder of a repository that a sync replaces by a link", () => {
  let repos: ReposGateway;
  /** Of the turns that wait. */
  let release: () => void;
  let held: Promise<void>;
  before(async () => {
    repos = await ReposGateway.start(
      {},
      {
        config: {
          keys: {
            admin: { secret: secret("admin") },
            user: { secret: secret("user") },
            other: {
              secret: secret("other"),
              workdirs: [`${realpathSync(tmpdir())}/**`],
              allow: ["additional_dirs"],
            },
          },
        },
        replies: ({ prompt }: { prompt: string }) => {
          if (prompt === "wait") return [{ wait: held }, "waited"];
          if (prompt === "write")
            return [{ tool: "Write", input: { file_path: "b.txt", content: "b" } }, "on"];
          return prompt;
        },
      },
    );
    await repos.gateway.enable(["approval", { live_wait_secs: 0 }]);
  });
  after(() => repos.close());
  beforeEach(() => {
    held = new Promise((resolve) => {
      release = resolve;
    });
  });

  let count = 0;
  /** Syncs both repositories. Resolves to the attacker's folder, and to what replaces it. */
  async function folders(): Promise<{ folder: string; swap: () => Promise<void> }> {
    const { host } = repos;
    const [mine, theirs] = [`mine/tool${++count}`, `acme/secret${count}`];
    host.create(mine, { "sub/deep/a.txt": "mine" });
    host.create(theirs, { "deep/a.txt": "secret" });
    const { body: victim } = await repos.sync({ url: host.url(theirs) });
    const { body: own } = await repos.sync({ url: host.url(mine) }, "other");
    const swap = async () => {
      host.link(mine, {}, { sub: String(victim["path"]) });
      expect((await repos.sync({ url: host.url(mine) }, "other")).body).to.include({ status: "updated" });
    };
    return { folder: join(String(own["path"]), "sub/deep"), swap };
  }

  const begin = async (fields: object) =>
    String((await repos.request("/session/start", fields, "other")).body["session_id"]);
  const prompt = (session: string, text: string) =>
    repos.request(`/session/${session}`, { prompt: text }, "other");
  const ran = () => repos.gateway.ran.map((turn) => turn.prompt);

  for (const field of ["workdir", "additional_dirs"] as const) {
    it(`refuses a turn that waited for an earlier one of its session meanwhile: ${field}`, async () => {
      const { folder, swap } = await folders();
      const session = await begin(field === "workdir" ? { workdir: folder } : { additional_dirs: [folder] });
      const first = prompt(session, "wait");
      await eventually("the first turn", () => ran().at(-1) === "wait");
      const body = { prompt: `look at ${field}` };
      // Its headers say that it waits.
      const second = await repos.gateway.fetch(`/session/${session}/stream`, { body, key: "other" });
      await swap();
      release();
      expect((await first).body).to.include({ result: "waited" });
      expect(await second.text()).to.match(REFUSED);
      expect(ran()).to.not.include(body.prompt);
    });

    it(`does not let a turn go on that was parked meanwhile: ${field}`, async () => {
      const { folder, swap } = await folders();
      const session = await begin(field === "workdir" ? { workdir: folder } : { additional_dirs: [folder] });
      const parked = await prompt(session, "write");
      expect(parked.body).to.have.property("pending_approval");
      await swap();
      const { id, turnId } = await repos.gateway.approvals.next();
      await repos.gateway.approvals.decide(id, "deny");
      const turn = async () =>
        (await (await repos.gateway.fetch(`/turns/${turnId}`, { key: "other" })).json()) as Turn;
      await eventually("its end", async () => !["parked", "running"].includes((await turn()).state));
      expect((await turn()).state).to.equal("failed");
      expect((await turn()).result?.error).to.match(REFUSED);
    });
  }

  it("does not serve its files", async () => {
    const { folder, swap } = await folders();
    const session = await begin({ workdir: folder });
    const file = () => repos.gateway.fetch(`/session/${session}/files/a.txt`, { key: "other" });
    expect(await (await file()).text()).to.equal("mine");
    await swap();
    const refused = await file();
    expect(refused.status).to.equal(403);
    expect(await refused.text()).to.not.include("secret");
  });
});

interface Turn {
  readonly state: string;
  readonly result: { readonly error: string | null } | null;
}
