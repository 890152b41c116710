import { readFileSync } from "node:fs";
import { expect } from "chai";
import { Folders, verdictOf } from "./folders.js";

/** One command a line, `⏎` for a new line in it; a heading begins with `##`. */
function linesOf(name: string): string[] {
  const text = readFileSync(new URL(name, import.meta.url), "utf8");
  return text.split("\n").filter((line) => line !== "");
}

const EVASIONS = linesOf("evasions.txt");
const HEADING = EVASIONS.findIndex((line) => line.startsWith("## "));
const OPENINGS = linesOf("openings.txt").map((line) => line.split("\t"));

/** What people do all day under `deny Bash(rm *)`, and are not to be asked about. */
const EVERYDAY = [
  "npm run build 2>&1 | tail -20",
  "cd src && ls -la *.ts",
  'for f in *.txt; do echo "$f"; wc -l "$f"; done',
  'if [ -f package.json ]; then npm test; else echo "none"; fi',
  'while IFS= read -r line; do echo "$line"; done < notes.txt',
  'grep -rn "TODO(me)" src | head -5',
  "git add -A && git commit -m 'Fix the parser (again)'",
  'echo "$((1 + 2))" && echo $?',
  "[ $? -eq 0 ] && echo fine",
  'export NODE_ENV=production; node server.js --port "$PORT"',
  "python3 -m pytest -q tests",
  "python3 script.py --input data.json",
  `jq '.a[] | select(.b == "c")' data.json`,
  "sed -i 's/a/b/' notes.txt",
  "find . -name '*.ts' -not -path './node_modules/*'",
  "awk '{print $1}' notes.txt | sort | uniq -c",
  "cat <<'EOF' > notes.txt\nhello\nEOF",
  `curl -sS -XPOST -d '{"a": 1}' http://127.0.0.1:3000/x`,
  "mkdir -p out && cp notes.txt out/ && mv out done",
  "[[ $name == *.ts ]] && echo yes",
  'printf "%s\\n" "$name"',
  "tar -czf out.tgz src",
  'dir=$(pwd); echo "$' + '{dir##*/}" "$' + '{dir:-none}"',
];

/** Legitimate uses of the patterns that the README warns of. */
const PLAIN_USES = [
  ["curl *", "curl -sSf -XPOST --data @body.json http://127.0.0.1:3000/x"],
  ["tar *", "tar -xzf a.tgz -C out"],
  ["date *", "date -u +%s"],
  ["go *", "go test ./... -run TestX -v"],
  ["uniq *", "uniq -f 1 notes.txt"],
  ["shuf *", "shuf -n 1 notes.txt"],
  ["iconv *", "iconv -f latin1 -t utf8 notes.txt"],
  ["git *", "git clone -q --depth 1 ./repo copy"],
  ["gawk *", "gawk -F: '{print $1}' notes.txt"],
  ["man *", "man -k printf"],
] as const;

describe("approval: a corpus of evasions", () => {
  const folders = new Folders();
  after(() => folders.remove());

  const denying = (command: string) =>
    verdictOf(folders.call("Bash", { command }, [{ deny: "Bash(rm *)" }, { allow: "Bash" }]));

  it(`never allows any of ${HEADING} commands that hide a denied one`, async () => {
    for (const line of EVASIONS.slice(0, HEADING)) {
      expect(await denying(line.replaceAll("⏎", "\n")), line).to.be.oneOf(["deny", "ask"]);
    }
  });

  it("asks about no everyday command", async () => {
    for (const command of EVERYDAY) expect(await denying(command), command).to.equal("allow");
  });

  it(`allows none of ${OPENINGS.length} dangerous options by a wildcard`, async () => {
    for (const [pattern, command = ""] of OPENINGS) {
      const verdict = await verdictOf(folders.call("Bash", { command }, [{ allow: `Bash(${pattern})` }]));
      expect(verdict, command).to.equal("ask");
    }
  });

  it("still allows the intended commands by wildcard", async () => {
    for (const [pattern, command] of PLAIN_USES) {
      const verdict = await verdictOf(folders.call("Bash", { command }, [{ allow: `Bash(${pattern})` }]));
      expect(verdict, command).to.equal("allow");
    }
  });
});
