import { type Approval, type Decision, GatewayError } from "@claudeway/ports";
import { isObject } from "@claudeway/schemas";
import { escapeHtml, showInput, showText } from "./shown.js";

const STYLE = `
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
pre { border: 1px solid; border-radius: .4rem; padding: .8rem; white-space: pre-wrap; overflow-wrap: anywhere }
fieldset { border: 1px solid; border-radius: .4rem; margin: 1rem 0 }
label { display: block; margin: .3rem 0 }
button { font: inherit; padding: .5rem 1.2rem; margin: 1rem .6rem 0 0 }
input[type=text] { font: inherit; width: 100%; box-sizing: border-box }
.error { font-weight: bold }`;

const DENY = `<button name="decision" value="deny">Deny</button>`;
const ALLOW = `<button name="decision" value="allow">Allow</button>`;
const ANSWER = `<button name="decision" value="allow">Answer</button>`;

/**
 * The page on which a request can be decided. It works without scripts, and viewing it decides nothing. After a decision
 * that was refused, it has the problem, and the texts of the form that was sent.
 */
export function requestPage(approval: Approval, problem?: string, sent = new URLSearchParams()): string {
  const { tool, workdir, cwd = workdir, expiresAt, kind } = approval;
  return page(
    kind === "question" ? "Claude asks" : `Claude wants to use ${tool}`,
    [
      problem === undefined ? "" : `<p class="error" role="alert">${text(problem)}</p>`,
      kind === "question" ? "" : `<pre>${escapeHtml(showInput(approval.input).text)}</pre>`,
      `<p>In <code>${text(cwd)}</code>. Without a decision it is denied at ${text(expiresAt)}.</p>`,
      `<form method="post">`,
      // Enter in a text field presses the first button: it must not allow a call while a reason to deny it is typed.
      ...(kind === "question"
        ? [questionFields(approval, sent), ANSWER, DENY]
        : [toolFields(sent), DENY, ALLOW]),
      `</form>`,
    ].join("\n"),
  );
}

export function decidedPage({ status }: Approval): string {
  return page(
    "Decided",
    `<p>This call is ${status === "allowed" ? "allowed" : "denied"}. You can close this page.</p>`,
  );
}

/** The page for a request that is already settled. */
export function spentPage({ status, decision }: Approval): string {
  const by = decision === undefined ? "" : ` by ${decision.by.channel} ${decision.by.who} at ${decision.at}`;
  return page(
    "Already decided",
    `<p>This request is ${status}${text(by)}. There is nothing left to decide.</p>`,
  );
}

export function unusablePage(): string {
  return page("Invalid link", "<p>This link is invalid or has expired.</p>");
}

/** The decision in a submitted form of `requestPage`. Throws BAD_REQUEST. */
export function decisionOf(approval: Approval, form: URLSearchParams): Decision {
  const decision = form.get("decision");
  const message = form.get("message")?.trim();
  const reason = message ? { message } : {};
  if (decision === "deny") return { decision, ...reason };
  if (decision !== "allow") throw new GatewayError("BAD_REQUEST", "decision must be allow or deny");
  // With a reason to deny it, the decision is refused: it contradicts itself.
  if (approval.kind === "question")
    return { decision, updatedInput: { answers: answersOf(approval, form) }, ...reason };
  return { decision, scope: form.get("scope") === "session" ? "session" : "once", ...reason };
}

interface Question {
  readonly question: string;
  readonly multiple: boolean;
  readonly options: readonly { readonly label: string; readonly description: string }[];
}

function answersOf(approval: Approval, form: URLSearchParams): Record<string, string> {
  return Object.fromEntries(
    readQuestions(approval).map(({ question, options }, index) => {
      const chosen = form.getAll(`q${index}`).flatMap((value) => options[Number(value)]?.label ?? []);
      const own = form.get(`o${index}`)?.trim();
      const answers = own ? [...chosen, own] : chosen;
      if (answers.length === 0) throw new GatewayError("BAD_REQUEST", `no answer to: ${question}`);
      return [question, answers.join(", ")];
    }),
  );
}

function toolFields(sent: URLSearchParams): string {
  return [
    `<fieldset><legend>If allowed</legend>`,
    `<label><input type="radio" name="scope" value="once" checked> this once</label>`,
    `<label><input type="radio" name="scope" value="session"> exactly this call, for the rest of the session</label>`,
    `</fieldset>`,
    `<label>If denied, the reason for Claude ${textField("message", sent)}</label>`,
  ].join("\n");
}

function textField(name: string, sent: URLSearchParams): string {
  return `<input type="text" name="${name}" maxlength="10000" value="${escapeHtml(sent.get(name) ?? "")}">`;
}

function questionFields(approval: Approval, sent: URLSearchParams): string {
  return readQuestions(approval)
    .map(({ question, multiple, options }, index) => {
      const type = multiple ? "checkbox" : "radio";
      const labels = options.map(
        ({ label, description }, number) =>
          `<label><input type="${type}" name="q${index}" value="${number}"> ${text(label)}: ${text(description)}</label>`,
      );
      const own = `<label>Something else ${textField(`o${index}`, sent)}</label>`;
      return `<fieldset><legend>${text(question)}</legend>${labels.join("")}${own}</fieldset>`;
    })
    .join("\n");
}

function readQuestions({ input }: Approval): Question[] {
  const { questions } = input;
  if (!Array.isArray(questions)) return [];
  return questions.filter(isObject).map((one) => ({
    question: String(one["question"] ?? ""),
    multiple: one["multiSelect"] === true,
    options: (Array.isArray(one["options"]) ? one["options"] : []).filter(isObject).map((option) => ({
      label: String(option["label"] ?? ""),
      description: String(option["description"] ?? ""),
    })),
  }));
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${text(title)}</title>
<style>${STYLE}</style>
<main>
<h1>${text(title)}</h1>
${body}
</main>
</html>
`;
}

function text(value: string): string {
  return escapeHtml(showText(value).text);
}
