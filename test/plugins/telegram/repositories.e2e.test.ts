import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import { ReposGateway } from "../repos/kit.js";
import { BotApiServer, CHAT_ID, TOKEN } from "./bot-api.js";

describe("a repository that is chosen in telegram", () => {
  it("is checked out for the topic's session, by the plugin repos", async () => {
    const api = await BotApiServer.start();
    const telegram = {
      bot_token: TOKEN,
      chat_id: String(CHAT_ID),
      api_root: api.url + api.root,
      key_id: "user",
      poll_timeout_secs: 1,
    };
    const replies = ({ prompt }: { readonly prompt: string }) => `you said: ${prompt}`;
    const repos = await ReposGateway.start({}, { replies });
    try {
      await repos.gateway.enable(["telegram", telegram]);
      const { host, gateway } = repos;
      host.create("acme/tool", { "a.txt": "main" });
      const commit = host.push("acme/tool", { "a.txt": "next" }, "next", "main");
      for (const branch of ["next", "main"]) await repos.sync({ url: host.url("acme/tool"), branch });
      await eventually("a poll", () => api.polled);
      api.write("/repos", { thread: 7 });
      await eventually("the list", () => api.find("acme/tool (main)"));
      api.write("/repos acme/tool@next", { thread: 7 });
      await eventually("the choice", () => api.find("acme/tool@next"));
      api.write("hello", { thread: 7 });
      await eventually("the answer", () => api.find("you said: hello"));
      const cwd = gateway.ran.at(-1)?.plan.workdir ?? "";
      expect(readFileSync(join(cwd, "a.txt"), "utf8")).to.equal("next");
      expect(readFileSync(join(cwd, ".git/refs/heads/next"), "utf8").trim()).to.equal(commit);
    } finally {
      await repos.close();
      await api.close();
    }
  });
});
