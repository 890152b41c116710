// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is what the file takes
import { expect } from "chai";
import { type Given, refusal } from "./sources.js";

const FILE = "./claudeway.toml";
const KEYS = "takes id:secret, comma-separated";
const ID =
  "an id takes up to 64 letters, digits, dots, hyphens and underscores, a letter or digit first, no two dots together";
const PORT = "takes a whole number from 0 to 65535";
const TOP =
  "takes keys, claude_bin, workdir, log_dir, data_dir, host, port, log_level, no_permissions_bypass, trusted_proxies, limits, engine or plugins";

/** Each with the one line that says where, what, and what is taken. */
const REFUSED: readonly (readonly [string, Given, string])[] = [
  // Flags.
  ["a slip in a flag", { argv: ["--prot=3000"] }, "--prot: unknown flag; did you mean --port?"],
  ["a flag like none", { argv: ["-x"] }, "-x: unknown flag; see claudeway --help"],
  ["a flag without its value", { argv: ["--port"] }, "--port: has no value; see claudeway --help"],
  ["a switch with a value", { argv: ["--force=yes"] }, "--force: has a value; takes none"],
  ["a port in words", { argv: ["--port", "abc"] }, `--port: is "abc"; ${PORT}`],
  ["a port over the range", { argv: ["-p", "65536"] }, `--port: is 65536; ${PORT}`],
  ["a port below it", { argv: ["--port=-1"] }, `--port: is -1; ${PORT}`],
  ["half a port", { argv: ["--port", "80.5"] }, `--port: is 80.5; ${PORT}`],
  ["a hexadecimal port", { argv: ["--port", "0x50"] }, `--port: is "0x50"; ${PORT}`],
  ["the next flag as a value", { argv: ["--port", "--force"] }, `--port: is "--force"; ${PORT}`],
  [
    "an unknown log level",
    { argv: ["--log-level", "inof"] },
    '--log-level: is "inof"; takes trace, debug, info, warn or error; did you mean info?',
  ],
  [
    "an empty host",
    { argv: ["--host", ""] },
    "--host: is empty; takes a host name or an address, such as 127.0.0.1",
  ],
  [
    "a URL as the host",
    { argv: ["--host", "http://x"] },
    '--host: is "http://x"; takes a host name or an address, such as 127.0.0.1',
  ],
  [
    "a hole in a list of plugins",
    { argv: ["--enable-plugin", "demo,,swagger"] },
    "--enable-plugin[1]: is empty; takes the name, package or path of a plugin",
  ],
  [
    "a file that is not there",
    { argv: ["--config", "nope.toml"] },
    "--config: nope.toml: there is no such file",
  ],
  ["a folder as the file", { argv: ["--config", "/"] }, "--config: /: is a folder; takes a file"],
  // Commands.
  ["a slip in a command", { argv: ["chek"] }, "chek: unknown command; did you mean check?"],
  [
    "a command like none",
    { argv: ["fly"] },
    "fly: unknown command; takes serve, check, init, create-plugin, backup, restore or login",
  ],
  ["too many arguments", { argv: ["check", "a", "b"] }, "check: has 2 arguments; takes no arguments"],
  [
    "a missing argument",
    { argv: ["create-plugin"] },
    "create-plugin: has 0 arguments; takes the name of the plugin",
  ],
  [
    "a key that slipped out of its flag",
    { argv: ["--keys", "a:hunter2,", "b:hunter3"] },
    "command line: a word that belongs to no flag and is no command; takes serve, check, init, create-plugin, backup, restore or login",
  ],
  // The environment.
  ["a port in words", { env: { PORT: "abc" } }, `PORT: is "abc"; ${PORT}`],
  ["an empty variable", { env: { PORT: "" } }, `PORT: is empty; ${PORT}`],
  ["a port with a space", { env: { PORT: "3000 " } }, `PORT: is "3000 "; ${PORT}`],
  [
    "a switch that is neither on nor off",
    { env: { NO_PERMISSIONS_BYPASS: "maybe" } },
    'NO_PERMISSIONS_BYPASS: is "maybe"; takes true or false',
  ],
  [
    "an empty folder",
    { env: { CLAUDE_WORKDIR: "" } },
    "CLAUDE_WORKDIR: is empty; takes the path of a folder",
  ],
  [
    "a log level in capitals",
    { env: { LOG_LEVEL: "INFO" } },
    'LOG_LEVEL: is "INFO"; takes trace, debug, info, warn or error; did you mean info?',
  ],
  // Keys, wherever they come from.
  ["no keys at all", { env: { WRAPPER_KEYS: "" } }, `WRAPPER_KEYS: is empty; ${KEYS}`],
  ["a secret alone", { env: { WRAPPER_KEYS: "sk-hunter2" } }, `WRAPPER_KEYS: entry 1 has no colon; ${KEYS}`],
  ["an id alone", { argv: ["--keys", "admin:"] }, `--keys: entry 1 has no secret; ${KEYS}`],
  ["a secret without an id", { argv: ["--keys", ":hunter2"] }, `--keys: entry 1 has no id; ${KEYS}`],
  ["a comma at the end", { argv: ["--keys", "a:hunter2,"] }, `--keys: entry 2 is empty; ${KEYS}`],
  [
    "two ids that are one folder",
    { argv: ["--keys", "ci:hunter1,b:hunter2,CI:hunter3"] },
    "--keys: entries 1 and 3 have the same id; each takes its own",
  ],
  [
    "two keys with one secret",
    { file: 'keys = ["a:hunter2", "b:hunter2"]' },
    `${FILE}: keys: entries 1 and 2 have the same secret; each takes its own`,
  ],
  [
    "an id that climbs",
    { argv: ["--keys", "..:hunter2"] },
    `--keys: entry 1 has an id that can name no folder; ${ID}`,
  ],
  [
    "an id with two dots",
    { argv: ["--keys", "a..b:hunter2"] },
    `--keys: entry 1 has an id that can name no folder; ${ID}`,
  ],
  [
    "an id with a slash",
    { argv: ["--keys", "a/b:hunter2"] },
    `--keys: entry 1 has an id that can name no folder; ${ID}`,
  ],
  [
    "the folder of refused requests",
    { argv: ["--keys", "_unauthorized:hunter2"] },
    `--keys: entry 1 has an id that can name no folder; ${ID}`,
  ],
  [
    "a secret that no header carries",
    { argv: ["--keys", "a:hunter 2"] },
    "--keys: entry 1 has a secret that no header can carry; a secret takes visible ASCII characters, no spaces",
  ],
  ["a number as keys", { file: "keys = 31337" }, `${FILE}: keys: is a number (not shown); ${KEYS}`],
  // The file.
  ["no TOML", { file: 'port = 3000\nkeys = "a:hunter2' }, `${FILE}:2:8: not TOML: unfinished string`],
  [
    "a key twice",
    { file: "port = 1\nport = 2" },
    `${FILE}:2:1: not TOML: trying to redefine an already defined table or value`,
  ],
  ["no text", { file: Uint8Array.of(0xff, 0xfe, 0x00) }, `${FILE}: is not UTF-8 text`],
  ["a slip in a setting", { file: "prot = 1" }, `${FILE}: prot: unknown setting; did you mean port?`],
  ["a setting like none", { file: "zebra = 1" }, `${FILE}: zebra: unknown setting; ${TOP}`],
  [
    "a setting with a hyphen",
    { file: 'log-dir = "x"' },
    `${FILE}: log-dir: unknown setting; did you mean log_dir?`,
  ],
  [
    "a proxy by name",
    { file: `trusted_proxies = ["127.0.0.1", "proxy.example"]` },
    `${FILE}: trusted_proxies must be addresses or networks such as 172.16.0.0/12, got "proxy.example"`,
  ],
  [
    "a network that is too small",
    { file: `trusted_proxies = ["127.0.0.1", "172.16.0.0/33"]` },
    `${FILE}: trusted_proxies must be addresses or networks such as 172.16.0.0/12, got "172.16.0.0/33"`,
  ],
  [
    "a network without its size",
    { file: `trusted_proxies = ["127.0.0.1", "172.16.0.0/"]` },
    `${FILE}: trusted_proxies must be addresses or networks such as 172.16.0.0/12, got "172.16.0.0/"`,
  ],
  [
    "one of IPv6",
    { file: `trusted_proxies = ["127.0.0.1", "::1/129"]` },
    `${FILE}: trusted_proxies must be addresses or networks such as 172.16.0.0/12, got "::1/129"`,
  ],
  [
    "a keyword of a library",
    { file: `trusted_proxies = ["127.0.0.1", "loopback"]` },
    `${FILE}: trusted_proxies must be addresses or networks such as 172.16.0.0/12, got "loopback"`,
  ],
  [
    "a slip in a section",
    { file: "[limits]\nbody_byte = 1" },
    `${FILE}: limits.body_byte: unknown setting; did you mean body_bytes?`,
  ],
  [
    "a relative folder of a key",
    { file: '[keys.ci]\nsecret = "1"\nworkdirs = ["srv/a"]' },
    `${FILE}: keys.ci.workdirs[0]: is a string (not shown); takes an absolute path, where * stands for any name and ** for any folders`,
  ],
  [
    "a pattern of folders with more than * in it",
    { file: '[keys.ci]\nsecret = "1"\nworkdirs = ["/srv/{a,b}"]' },
    `${FILE}: keys.ci.workdirs[0]: is a string (not shown); takes an absolute path, where * stands for any name and ** for any folders`,
  ],
  [
    "a setting outside its section",
    { file: "max_running = 1" },
    `${FILE}: max_running: unknown setting; did you mean engine.max_running?`,
  ],
  ["a port in quotes", { file: 'port = "3000"' }, `${FILE}: port: is "3000"; ${PORT}`],
  [
    "a date",
    { file: "host = 2026-01-01" },
    `${FILE}: host: is a date; takes a host name or an address, such as 127.0.0.1`,
  ],
  [
    "a section that is a value",
    { file: "engine = 3" },
    `${FILE}: engine: is 3; takes a section, such as [engine]`,
  ],
  [
    "a plugin that is a value",
    { file: "plugins.demo = true" },
    `${FILE}: plugins.demo: is true; takes a section, such as [plugins.demo]`,
  ],
  [
    "a switch in words",
    { file: '[plugins.demo]\nenabled = "on"' },
    `${FILE}: plugins.demo.enabled: is "on"; takes true or false`,
  ],
  [
    "a time that never comes",
    { file: "[engine]\ngrace_secs = inf" },
    `${FILE}: engine.grace_secs: is Infinity; takes a number from 0 to 86400`,
  ],
  // Variables in the file.
  [
    "a variable that is not set",
    { file: '[plugins.telegram]\nbot_token = "${TG_TOKN}"', env: { TG_TOKEN: "hunter2" } },
    `${FILE}: plugins.telegram.bot_token: takes \${TG_TOKN}, which is not set in the environment; did you mean TG_TOKEN?`,
  ],
  [
    "one in a list",
    { file: 'keys = ["a:b", "c:${SECRET}"]' },
    `${FILE}: keys[1]: takes \${SECRET}, which is not set in the environment`,
  ],
  [
    "a variable without a name",
    { file: 'host = "${}"' },
    `${FILE}: host: has a \${ that names no variable; takes \${NAME}, or $\${ for the characters themselves`,
  ],
  [
    "one that does not end",
    { file: 'host = "${HOST"', env: { HOST: "x" } },
    `${FILE}: host: has a \${ that names no variable; takes \${NAME}, or $\${ for the characters themselves`,
  ],
  [
    "a secret where a port belongs",
    { file: 'port = "${TOKEN}"', env: { TOKEN: "hunter2" } },
    `${FILE}: port: is a string (not shown); ${PORT}`,
  ],
  [
    "an empty variable as keys",
    { file: 'keys = "${KEYS}"', env: { KEYS: "" } },
    `${FILE}: keys: is empty; ${KEYS}`,
  ],
];

describe("a configuration that can't be used", () => {
  for (const [what, given, line] of REFUSED) {
    it(`${what}: ${line.slice(0, 70)}`, () => {
      const message = refusal(given);
      expect(message).to.equal(line);
      expect(message).to.not.match(/hunter|\n/);
    });
  }

  it("is refused in its file even where a flag wins over it", () => {
    expect(refusal({ file: "port = 70000", argv: ["--port", "1"] })).to.equal(
      `${FILE}: port: is 70000; ${PORT}`,
    );
  });
});
