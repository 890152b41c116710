import { createHash } from "node:crypto";
import type { Approval } from "@claudeway/ports";
import { expect } from "chai";
import { decisionOf, requestPage } from "#pages/approval-page.js";
import { escapeHtml, showInput, spellHidden } from "#pages/shown.js";

const HIDDEN: Readonly<Record<string, string>> = {
  "right-to-left override": "\u202e",
  isolate: "\u2066",
  "zero-width space": "\u200b",
  "zero-width joiner": "\u200d",
  "soft hyphen": "\u00ad",
  "no-break space": "\u00a0",
  "line separator": "\u2028",
  escape: "\u001b",
  "carriage return": "\r",
  backspace: "\b",
  "Hangul filler": "\u3164",
  "blank braille": "\u2800",
  "private use": "\ue000",
  "tag letter": "\u{e0041}",
  "variation selector": "\ufe0f",
  "lone surrogate": "\ud800",
};

function request(values: Partial<Approval>): Approval {
  return {
    id: "00000000-0000-4000-8000-000000000001",
    sessionId: "s",
    turnId: "t",
    keyId: "k",
    kind: "tool",
    toolUseId: "u",
    tool: "Bash",
    input: { command: "ls" },
    workdir: "/work",
    status: "pending",
    parked: false,
    askedAt: "2030-01-01T00:00:00.000Z",
    expiresAt: "2030-01-02T00:00:00.000Z",
    deciders: undefined,
    decision: undefined,
    ...values,
  };
}

describe("the display of a call", () => {
  for (const [what, char] of Object.entries(HIDDEN)) {
    it(`spells out: ${what}`, () => {
      const code = (char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
      expect(spellHidden(`a${char}b`)).to.equal(`a⟨U+${code}⟩b`);
    });
  }

  it("keeps visible text unchanged", () => {
    const text = "rm -rf /\n\tünïcödé 漢字 עברית 👍 — “quotes”";
    expect(spellHidden(text)).to.equal(text);
  });

  for (const [what, text, shown] of [
    ["Cyrillic", "./de\u0440loy.sh", "./de⟨U+0440⟩loy.sh"],
    ["Greek", "cat \u03bfut.txt", "cat ⟨U+03BF⟩ut.txt"],
    ["full-width", "\uff43url x", "⟨U+FF43⟩url x"],
    ["mathematical", "g\u{1d422}t", "g⟨U+1D422⟩t"],
    ["phonetic", "\u0261it push", "⟨U+0261⟩it push"],
    ["with an accent of its own", "o\u0301\u0441", "o\u0301⟨U+0441⟩"],
  ] as const) {
    it(`spells out letters that look Latin among Latin ones: ${what}`, () => {
      expect(spellHidden(text)).to.equal(shown);
    });
  }

  it("keeps words of other scripts unchanged", () => {
    const text = "cat отчёт.txt 'Δοκιμή' ｆｕｌｌ 5 μ, привет_world, µs, naïve";
    expect(spellHidden(text)).to.equal(text);
  });

  it("cuts long input, and says how much and of what", () => {
    const command = `start${"x".repeat(10_000)}the end`;
    const { text, length, sha256 } = showInput({ command });
    const whole = `command: ${command}`;
    expect(length).to.equal(whole.length);
    expect(sha256).to.equal(createHash("sha256").update(whole).digest("hex"));
    expect(text).to.include(`${command.length - 4000} of ${command.length} characters are not shown`);
    expect(text)
      .to.include(createHash("sha256").update(command).digest("hex"))
      .and.match(/^command: \n {4}start/)
      .and.match(/the end$/);
    expect(text.length).to.be.lessThan(4300);
  });

  it("shows the beginning and the end of every value, however long its neighbours are", () => {
    const long = "x".repeat(3_500);
    const { text } = showInput({ description: long, command: "rm -rf /", note: long, [long]: 1 });
    expect(text)
      .to.include("\ncommand: rm -rf /\n")
      .and.to.match(/^description: \n {4}xxx/);
    const many = Object.fromEntries(
      Array.from({ length: 100 }, (_, n) => [`n${n}`, `first ${long} last ${n}`]),
    );
    for (let n = 0; n < 100; n++) expect(showInput(many).text).to.include(`last ${n}`);
  });

  it("indents texts of several lines, so that no line looks like another value", () => {
    const { text } = showInput({ description: "List\ncommand: ls", "a\nb: c": 1, command: "rm -rf /" });
    expect(text).to.equal('description: \n    List\n    command: ls\n"a\\nb: c": 1\ncommand: rm -rf /');
    expect(showInput({ edits: [{ a: 1 }] }).text).to.match(/^edits: \n {4}\[/);
  });

  it("is escaped everywhere on the page", () => {
    const evil = `"'><script>alert(1)</script>&`;
    const asked = { question: evil, multiSelect: false, options: [{ label: evil, description: evil }] };
    for (const page of [
      requestPage(request({ tool: evil, workdir: evil, input: { [evil]: evil } }), evil),
      requestPage(request({ kind: "question", tool: "AskUserQuestion", input: { questions: [asked] } })),
    ]) {
      expect(page).not.to.include("<script").and.not.to.include(`"'>`);
      expect(page).to.include(escapeHtml("<script>alert(1)</script>"));
    }
  });

  it("decides by the form that it shows", () => {
    const form = (text: string) => new URLSearchParams(text);
    const tool = request({});
    expect(decisionOf(tool, form("decision=allow"))).to.deep.equal({ decision: "allow", scope: "once" });
    expect(decisionOf(tool, form("decision=allow&scope=session"))).to.include({ scope: "session" });
    expect(decisionOf(tool, form("decision=deny&message=+no+"))).to.deep.equal({
      decision: "deny",
      message: "no",
    });
    expect(() => decisionOf(tool, form(""))).to.throw("decision must be allow or deny");
    expect(decisionOf(tool, form("decision=allow&message=no")), "a contradiction, to be refused").to.include({
      message: "no",
    });
    const options = ["left", "right"].map((label) => ({ label, description: label }));
    const questions = [
      { question: "Which?", multiSelect: true, options },
      { question: "Why?", multiSelect: false, options },
    ];
    const asked = request({ kind: "question", input: { questions } });
    expect(decisionOf(asked, form("decision=allow&q0=0&q0=1&o1=because"))).to.deep.equal({
      decision: "allow",
      updatedInput: { answers: { "Which?": "left, right", "Why?": "because" } },
    });
    expect(() => decisionOf(asked, form("decision=allow&q0=0&q1=7"))).to.throw("no answer to: Why?");
  });
});
