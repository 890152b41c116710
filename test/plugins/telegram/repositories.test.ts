import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import { TestBot } from "./kit.js";

const REPOS = [
  { repo: "git.example.com/acme/site", branch: "main", workdir: "repo:git.example.com/acme/site@main" },
  { repo: "git.example.com/acme/tool", branch: "next", workdir: "repo:git.example.com/acme/tool@next" },
  { repo: "other.example.com/acme/tool", branch: "main", workdir: "repo:other.example.com/acme/tool@main" },
];

describe("telegram's repositories", () => {
  let bot: TestBot;
  beforeEach(async () => {
    bot = await (await TestBot.start()).ready();
    bot.turns.repos = [...REPOS, { repo: 5 }, null];
  });
  afterEach(() => bot.dispose());

  /** The workdirs of the sessions so far. */
  const workdirs = () => [...bot.turns.sessions.values()].map(({ workdir }) => workdir);

  it("are listed, and one is chosen for the session that begins in a topic", async () => {
    bot.api.write("/repos", { thread: 7 });
    const list = await bot.shows("1. git.example.com/acme/site (main)");
    expect(list.html).to.contain("3. other.example.com/acme/tool (main)").and.contain("/repos");
    bot.api.write("/repos 2", { thread: 7 });
    await bot.shows("works in git.example.com/acme/tool@next");
    bot.api.write("hello", { thread: 7 });
    await bot.shows("you said: hello");
    bot.api.write("elsewhere", { thread: 8 });
    await bot.shows("you said: elsewhere");
    expect(workdirs()).to.deep.equal([REPOS[1]?.workdir, "/w"]);
  });

  it("are chosen by name, with a branch if need be, and not by a name that several have", async () => {
    for (const [thread, said, shown] of [
      [1, "site", "works in git.example.com/acme/site@main"],
      [2, "acme/site@fix/a@b", "works in git.example.com/acme/site@fix/a@b"],
      [3, "acme/tool", "There is no repository acme/tool, or several of that name."],
      [4, "git.example.com/acme/tool", "works in git.example.com/acme/tool@next"],
      [5, "4", "There is no repository 4"],
      [6, "../../etc", "There is no repository ../../etc"],
      [7, "-", "No repository is chosen."],
    ] as const) {
      bot.api.write(`/repos ${said}`, { thread });
      await bot.shows(shown);
    }
  });

  it("stay chosen over a restart, and after the session was deleted elsewhere", async () => {
    bot.api.write("/repos 1", { thread: 7 });
    await bot.shows("works in git.example.com/acme/site@main");
    await bot.stop();
    await bot.launch();
    await bot.ready();
    bot.api.write("hello", { thread: 7 });
    await bot.shows("you said: hello");
    bot.turns.sessions.clear();
    bot.api.write("again", { thread: 7 });
    await bot.shows("you said: again");
    expect(workdirs()).to.deep.equal([REPOS[0]?.workdir]);
  });

  it("are not chosen for a session that has begun, or where there are none", async () => {
    bot.api.write("hello", { thread: 7 });
    await bot.shows("you said: hello");
    bot.api.write("/repos 1", { thread: 7 });
    await bot.shows("Start a new one with /new");
    bot.turns.repos = undefined;
    bot.api.write("/repos", { thread: 8 });
    await eventually("the answer", () => bot.api.find("This bot has no repositories"));
  });
});
