import { expect } from "chai";
import type { Browser } from "playwright-core";
import { decisionOf, requestPage } from "#pages/approval-page.js";
import { approvalOf } from "../plugins/offers.js";
import { launchChromium, newContext } from "./chromium.js";

const ADDRESS = "http://gateway.test/approvals/link/x";

describe("the page behind a signed link, in a browser", () => {
  let browser: Browser;
  before(async () => {
    browser = await launchChromium();
  });
  after(() => browser.close());

  const questions = [{ question: "Which?", multiSelect: false, options: [{ label: "a", description: "" }] }];
  const question = approvalOf({ kind: "question", tool: "AskUserQuestion", input: { questions } });

  for (const [what, approval, field, decision] of [
    ["a reason for a denial", approvalOf(), "message", { decision: "deny", message: "not that" }],
    [
      "an answer of one's own",
      question,
      "o0",
      { decision: "allow", updatedInput: { answers: { "Which?": "not that" } } },
    ],
  ] as const) {
    it(`takes Enter after ${what} for what was meant`, async () => {
      const page = await (await newContext(browser)).newPage();
      const posted = new Promise<string>((resolve) => {
        void page.route("**/*", async (route) => {
          const body = route.request().postData();
          if (body !== null) resolve(body);
          await route.fulfill({ contentType: "text/html", body: requestPage(approval) });
        });
      });
      await page.goto(ADDRESS);
      await page.fill(`input[name=${field}]`, "not that");
      await page.press(`input[name=${field}]`, "Enter");
      expect(decisionOf(approval, new URLSearchParams(await posted))).to.deep.equal(decision);
      await page.close();
    });
  }
});
