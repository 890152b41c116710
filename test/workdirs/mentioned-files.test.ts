import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { mentionedFiles, mentionsIn } from "#workdirs/mentioned-files.js";
import { processorMs } from "../processor-time.js";

const OTHERS = "0b9a5c6e-6c39-4e1f-9a0e-0f6f9d3f3c11";
const SECRET = "CONTENT-secret";

describe("mentionsIn", () => {
  const CASES: Readonly<Record<string, readonly string[]>> = {
    "@a.txt": ["a.txt"],
    "see @a.txt and\n@b.txt": ["a.txt", "b.txt"],
    '@"my notes.txt", @"b"': ["my notes.txt", "b"],
    "me@example.com @ @@ x@y": ["@"],
    "@a.txt @a.txt": ["a.txt"],
    "(@a.txt)": [],
  };
  for (const [text, paths] of Object.entries(CASES)) {
    it(`finds ${JSON.stringify(paths)} in ${JSON.stringify(text)}`, () => {
      expect(mentionsIn(text).map(({ path }) => path)).to.deep.equal(paths);
    });
  }

  it("reads ranges of lines", () => {
    expect(mentionsIn("@a#L2 @b#L2-5 @c#L2-L5 @d#x")).to.deep.equal([
      { path: "a", lines: { from: 2, to: 2 } },
      { path: "b", lines: { from: 2, to: 5 } },
      { path: "c", lines: { from: 2, to: 5 } },
      { path: "d#x" },
    ]);
  });

  it("looks at 100 mentions at most, also in a long text", () => {
    const many = Array.from({ length: 5000 }, (_, index) => `@${index}`).join(" ");
    expect(mentionsIn(many)).to.have.length(100);
    expect(mentionsIn(`${'@"'.repeat(500_000)} ${"@".repeat(500_000)}`)).to.have.length(2);
  });
});

describe("mentionedFiles", () => {
  let dir: string;
  let workdir: string;
  beforeEach(() => {
    dir = realpathSync(mkdtempSync(join(tmpdir(), "claudeway-mentions-")));
    workdir = join(dir, "work");
    mkdirSync(join(workdir, "sub"), { recursive: true });
    mkdirSync(join(workdir, OTHERS));
    writeFileSync(join(dir, "secret.txt"), SECRET);
    writeFileSync(join(dir, "work-evil"), SECRET);
    writeFileSync(join(workdir, OTHERS, "x.txt"), SECRET);
    writeFileSync(join(workdir, "notes.txt"), "one\ntwo\nthree\n");
    writeFileSync(join(workdir, "sub/a.txt"), "A");
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  const workdirs = {
    ownerOf: async (real: string) => (real.includes(OTHERS) ? OTHERS : undefined),
  };
  const shown = async (prompt: string, mayRead = async (_path: string) => true) =>
    mentionedFiles(prompt, { workdir, sessionId: "own", workdirs }, mayRead);
  const textOf = async (prompt: string) =>
    (await shown(prompt)).flatMap(({ blocks }) =>
      blocks.map((block) => (block.type === "text" ? block.text : block.type)),
    );

  const FOUND: Readonly<Record<string, string>> = {
    "@notes.txt": "one\ntwo\nthree\n",
    "@./sub/../notes.txt": "one\ntwo\nthree\n",
    "read @notes.txt, please": "one\ntwo\nthree\n",
    "@notes.txt.": "one\ntwo\nthree\n",
    "@notes.txt#L2": "two",
    "@notes.txt#L2-3": "two\nthree",
    '@"sub/a.txt"': "A",
  };
  for (const [prompt, text] of Object.entries(FOUND)) {
    it(`attaches ${JSON.stringify(text)} for ${prompt}`, async () => {
      const [found = "", ...more] = await textOf(prompt);
      expect(more).to.deep.equal([]);
      expect(found.split(":\n\n")[1]).to.equal(text);
    });
  }

  it("reads the punctuation of long mentions once", async () => {
    const long = Array.from({ length: 100 }, (_, at) => `@${"!".repeat(4000)}${at}`).join(" ");
    const begun = processorMs();
    expect(await textOf(long)).to.deep.equal([]);
    expect(processorMs() - begun).to.be.below(400);
  });

  const REFUSED: Readonly<Record<string, () => string>> = {
    "a path above": () => "@../secret.txt",
    "a path above, by detours": () => "@sub/../../secret.txt @./../secret.txt @sub/./.././../secret.txt",
    "an absolute path": () => `@${dir}/secret.txt @"${dir}/secret.txt" @//${dir}/secret.txt`,
    "an absolute path to a neighbour whose name begins like the workdir": () =>
      `@${dir}/work-evil @../work-evil`,
    "a home folder": () => "@~/.bashrc @~root/.bashrc @$HOME/.bashrc",
    "a file URL": () => `@file://${dir}/secret.txt`,
    "percent encoding": () => "@%2e%2e/secret.txt @..%2fsecret.txt",
    "a backslash": () => "@..\\secret.txt",
    "another session's folder": () => `@${OTHERS}/x.txt @./${OTHERS}/x.txt`,
    "/proc": () => "@/proc/self/environ @/proc/self/root/etc/hostname @../../../../../../proc/self/environ",
    "a folder": () => "@sub @sub/ @. @./ @..",
    "a NUL": () => "@notes\0.txt @../secret.txt\0notes.txt",
    "a name that is too long": () => `@${"a".repeat(4096)} @${"a/".repeat(2040)}`,
    "an MCP resource and an agent": () => "@server:resource://x @agent-reviewer",
    "a link out": () => {
      symlinkSync(join(dir, "secret.txt"), join(workdir, "link.txt"));
      symlinkSync("../secret.txt", join(workdir, "relative.txt"));
      return "@link.txt @relative.txt";
    },
    "a folder that is a link out": () => {
      symlinkSync(dir, join(workdir, "out"));
      return "@out/secret.txt";
    },
    "a link to /proc/self/fd and a loop": () => {
      symlinkSync("/proc/self/environ", join(workdir, "environ"));
      symlinkSync("loop", join(workdir, "loop"));
      return "@environ @loop";
    },
    "a link to a device": () => {
      symlinkSync("/dev/zero", join(workdir, "zero"));
      return "@zero @/dev/zero @/dev/stdin";
    },
    "a named pipe": () => {
      execFileSync("mkfifo", [join(workdir, "pipe")]);
      return "@pipe";
    },
    "a file that is too large": () => {
      writeFileSync(join(workdir, "huge"), "");
      truncateSync(join(workdir, "huge"), 5 * 1024 ** 3);
      return "@huge";
    },
    "a binary": () => {
      writeFileSync(join(workdir, "binary"), Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 1, 2]));
      return "@binary";
    },
    "another spelling of the name": () => "@NOTES.TXT @notes.txt\u200b @notes.txt/../../secret.txt",
  };
  for (const [what, prepare] of Object.entries(REFUSED)) {
    it(`attaches nothing for ${what}`, async () => {
      expect(await textOf(prepare())).to.deep.equal([]);
    });
  }

  it("follows a link that stays inside", async () => {
    symlinkSync("sub", join(workdir, "inner"));
    const [file] = await shown("@inner/a.txt");
    expect(file?.path).to.equal(join(workdir, "sub/a.txt"));
  });

  it("attaches images and PDF documents as such", async () => {
    writeFileSync(join(workdir, "a.png"), "\x89PNG\r\n\x1a\n", "latin1");
    writeFileSync(join(workdir, "a.pdf"), "%PDF-1.7");
    const types = (await shown("@a.png @a.pdf")).map(({ blocks }) => blocks.map(({ type }) => type));
    expect(types).to.deep.equal([
      ["text", "image"],
      ["text", "document"],
    ]);
  });

  it("cuts a long text, and says so", async () => {
    writeFileSync(join(workdir, "long.txt"), "x".repeat(300_000));
    const [text = ""] = await textOf("@long.txt");
    expect(text).to.include("the first 262144 of 300000 characters");
    expect(text.length).to.be.lessThan(262_144 + 200);
  });

  it("attaches 20 files and 32 MiB at most", async () => {
    const names = Array.from({ length: 30 }, (_, index) => `f${index}`);
    for (const name of names) writeFileSync(join(workdir, name), "x");
    expect(await shown(names.map((name) => `@${name}`).join(" "))).to.have.length(20);
    for (const name of names.slice(0, 5)) writeFileSync(join(workdir, name), "x".repeat(9 * 1024 ** 2));
    expect(
      await shown(
        names
          .slice(0, 5)
          .map((name) => `@${name}`)
          .join(" "),
      ),
    ).to.have.length(3);
  });

  it("asks about the file that a link leads to", async () => {
    symlinkSync("notes.txt", join(workdir, "link.txt"));
    const asked: string[] = [];
    const files = await shown("@link.txt @sub/a.txt", async (path) => {
      asked.push(path);
      return path.endsWith("a.txt");
    });
    expect(asked).to.deep.equal([join(workdir, "notes.txt"), join(workdir, "sub/a.txt")]);
    expect(files.map(({ path }) => path)).to.deep.equal([join(workdir, "sub/a.txt")]);
  });
});
