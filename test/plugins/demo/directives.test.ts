import { readFile } from "node:fs/promises";
import { expect } from "chai";
import { readCalls } from "#plugins/demo/model/calls.js";
import { findDirectives } from "#plugins/demo/model/directives.js";
import { DIRECTIVE_NAMES } from "#plugins/demo/model/index.js";
import { processorMs } from "../../processor-time.js";

function callsIn(text: string) {
  return findDirectives(text).map(readCalls);
}

describe("demo: directives in a prompt", () => {
  it("finds names and arguments anywhere in the text, in order", () => {
    const found = findDirectives("please [[WORDS 20]] and then\n[[echo]] [[say  two  spaces ]]");
    expect(found).to.deep.equal([
      { name: "words", rest: "20", source: "[[WORDS 20]]" },
      { name: "echo", rest: "", source: "[[echo]]" },
      { name: "say", rest: "two  spaces", source: "[[say  two  spaces ]]" },
    ]);
  });

  it("keeps directives and shell tests inside another", () => {
    expect(
      findDirectives("[[subagent [[words 5]] and [[bash ls]]]] [[echo]]").map(({ rest }) => rest),
    ).to.deep.equal(["[[words 5]] and [[bash ls]]", ""]);
    expect(findDirectives("[[bash if [[ -f x ]]; then ls; fi]]")[0]?.rest).to.equal(
      "if [[ -f x ]]; then ls; fi",
    );
  });

  it("parses JSON to its end, whatever its strings contain", () => {
    const call = { tool: "Bash", input: { command: 'echo "]] [[" a[b[0]]' } };
    const text = `[[${JSON.stringify(call)}]] [[words 1]]`;
    expect(findDirectives(text).map(({ source }) => source)).to.deep.equal([
      `[[${JSON.stringify(call)}]]`,
      "[[words 1]]",
    ]);
    expect(callsIn(text)[0]).to.deep.equal([{ name: "Bash", input: call.input }]);
  });

  it("treats an unclosed directive as text, and finds later ones", () => {
    expect(findDirectives("[[ never closed")).to.deep.equal([]);
    expect(findDirectives("]] [[ a [[words 1]]").map(({ source }) => source)).to.deep.equal(["[[words 1]]"]);
    expect(findDirectives('[[{"tool": "Bash" [[words 1]]').map(({ source }) => source)).to.deep.equal([
      "[[words 1]]",
    ]);
  });

  it("stays fast on long texts of brackets", () => {
    for (const piece of ["[[", "]]", "[[{", '[[{"', "[[tools ", "[[ ]]", " "]) {
      const before = processorMs();
      findDirectives(piece.repeat(400_000 / piece.length));
      expect(processorMs() - before, piece).to.be.below(2_000);
    }
  });

  it("makes tool calls of the short forms", () => {
    expect(callsIn("[[write notes/a.txt one\ntwo]]")).to.deep.equal([writes("notes/a.txt", "one\ntwo")]);
    expect(callsIn("[[write empty]]")).to.deep.equal([writes("empty", "")]);
    expect(callsIn('[[write "my file.txt" "a\\n "]]')).to.deep.equal([writes("my file.txt", "a\n ")]);
    expect(callsIn("[[read a b.txt]]")).to.deep.equal([[{ name: "Read", input: { file_path: "a b.txt" } }]]);
    expect(callsIn("[[ask Which?|left|right]]")[0]?.[0]?.input["questions"]).to.deep.equal([
      {
        question: "Which?",
        header: "Demo",
        multiSelect: false,
        options: [
          { label: "left", description: 'The answer "left"' },
          { label: "right", description: 'The answer "right"' },
        ],
      },
    ]);
  });

  it("puts the calls of [[both]] and [[tools [...]]] into one message", () => {
    const bash = { name: "Bash", input: { command: "ls", description: "Demo command" } };
    const write = { name: "Write", input: { file_path: "a", content: "b" } };
    expect(callsIn("[[both [[bash ls]] [[write a b]]]]")).to.deep.equal([[bash, write]]);
    const list = [
      { tool: "Write", input: write.input },
      { name: "Bash", input: bash.input },
    ];
    expect(callsIn(`[[tools ${JSON.stringify(list)} ]]`)).to.deep.equal([[write, bash]]);
  });

  it("are all in the README", async () => {
    const readme = await readFile(new URL("../../../plugins/demo/README.md", import.meta.url), "utf8");
    const shown = new Set(findDirectives(readme.replaceAll("\\|", "|")).map(({ name }) => name));
    for (const name of DIRECTIVE_NAMES) expect([...shown], name).to.include(name);
  });

  it("makes no call for a malformed directive", () => {
    const wrong = [
      "[[bash]]",
      "[[read]]",
      "[[write]]",
      "[[ask only a question]]",
      "[[ask q|one]]",
      "[[both words]]",
    ];
    wrong.push(
      "[[both [[bash ls]] [[words 3]]]]",
      '[[{"input":{}}]]',
      '[[{"tool":"Bash","input":[]}]]',
      "[[tools []]]",
    );
    wrong.push("[[constructor x]]", "[[toString]]");
    for (const text of wrong) expect(callsIn(text), text).to.deep.equal([undefined]);
  });
});

function writes(file_path: string, content: string) {
  return [{ name: "Write", input: { file_path, content } }];
}
