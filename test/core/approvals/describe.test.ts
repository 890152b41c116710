import { describeCall, spellHidden } from "@claudeway/core";
import { expect } from "chai";

describe("the description of a call", () => {
  it("is the command and its options, without the model's description", () => {
    expect(describeCall({ tool: "Bash", input: { command: "make", description: "harmless" } })).to.equal(
      "make",
    );
    const unsafe = { command: "make", dangerouslyDisableSandbox: true, run_in_background: false };
    expect(describeCall({ tool: "Bash", input: unsafe })).to.equal(
      'make\n{\n  "dangerouslyDisableSandbox": true\n}',
    );
  });

  it("is a file's path and its change, line by line", () => {
    const edit = { file_path: "/w/a.ts", old_string: "one\ntwo", new_string: "three", replace_all: true };
    expect(describeCall({ tool: "Edit", input: edit })).to.equal(
      '/w/a.ts\n- one\n- two\n+ three\n{\n  "replace_all": true\n}',
    );
    expect(describeCall({ tool: "Write", input: { file_path: "/w/b", content: "x\ny" } })).to.equal(
      "/w/b\n+ x\n+ y",
    );
  });

  it("is a question with its options", () => {
    const questions = [{ question: "Which one?", options: [{ label: "This" }, { label: "That" }] }];
    expect(describeCall({ tool: "AskUserQuestion", input: { questions } })).to.equal(
      "Which one?\n• This\n• That",
    );
  });

  it("is the whole input of an unknown tool", () => {
    expect(describeCall({ tool: "mcp__x__y", input: { a: [1] } })).to.equal('{\n  "a": [\n    1\n  ]\n}');
  });

  it("is the whole input of a tool that is not the CLI's own, also if it names a file", () => {
    for (const name of ["file_path", "notebook_path"]) {
      const input = { [name]: "/data", dry_run: false, backup: false, content: "x" };
      expect(describeCall({ tool: "mcp__x__y", input })).to.equal(JSON.stringify(input, null, 2));
    }
  });

  it("is the model's alone: nothing in it is the gateway's own, such as the shell's directory", () => {
    const command = "in /srv/app/build:\nrm -rf *";
    const call = { tool: "Bash", input: { command }, workdir: "/srv/app", cwd: "/home" };
    expect(describeCall(call)).to.equal(command);
  });

  it("hides nothing", () => {
    expect(describeCall({ tool: "Bash", input: { command: "ls \u202e# fr- mr" } })).to.equal(
      "ls ⟨U+202E⟩# fr- mr",
    );
    expect(spellHidden("a\u200bb\u2800c\td\n")).to.equal("a⟨U+200B⟩b⟨U+2800⟩c\td\n");
  });
});
