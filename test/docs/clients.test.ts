import { execFile } from "node:child_process";
import { expect } from "chai";
import { KEYS } from "../e2e/gateway.js";
import { OptionsGateway } from "../e2e/options-kit.js";
import { blocksOf } from "./blocks.js";

const PAGE = new URL("../../docs/clients.md", import.meta.url);
const ROOT = new URL("../../", import.meta.url).pathname;
const RUN = [
  ["js", process.execPath, ["--input-type=module", "-e"]],
  ["sh", "bash", ["-euc"]],
] as const;

/** The blocks in Python run in `npm run test:clients`. */
describe("the recipes of docs/clients.md", () => {
  let options: OptionsGateway;
  before(async () => {
    options = await OptionsGateway.start({
      config: "[plugins.openai]\nenabled = true\n\n[plugins.anthropic]\nenabled = true\n",
    });
  });
  after(() => options.dispose());

  for (const [language, file, args] of RUN)
    for (const { text, line } of blocksOf(PAGE).filter((block) => block.language === language))
      if (language === "js" || text.startsWith("curl "))
        it(`line ${line} (${language})`, async () => {
          const { url } = options.gateway;
          const env = {
            PATH: process.env["PATH"],
            OPENAI_BASE_URL: `${url}/v1`,
            OPENAI_API_KEY: KEYS.bob,
            ANTHROPIC_BASE_URL: url,
            ANTHROPIC_API_KEY: KEYS.bob,
          };
          const said = await new Promise<string>((resolve, reject) => {
            execFile(file, [...args, text], { cwd: ROOT, env }, (error, stdout, stderr) =>
              error === null ? resolve(stdout) : reject(new Error(`${stdout}${stderr}`)),
            );
          });
          if (language === "js") expect(said).to.match(/^(?:word1 word2 word3)+/);
          else expect(said.match(/"word1 word2 word3"/g)).to.have.length(2);
        });
});
