// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is what the file takes
import { expect } from "chai";
import { type Given, refusal } from "./sources.js";

const FILE = "./claudeway.toml";
const KEYS = "a comma-separated list of id:secret";
const ID =
  'the id must have up to 64 letters, digits, dots, hyphens and underscores, begin with a letter or digit, and not contain ".."';
const PORT = "an integer from 0 to 65535";
const TOP =
  "known settings: keys, accounts, claude_bin, workdir, log_dir, data_dir, ledger_url, host, port, log_level, no_permissions_bypass, trusted_proxies, limits, engine, cluster, plugins";

const MAIN = '[accounts.main]\nANTHROPIC_API_KEY = "x"\n';
const SUBSCRIPTION =
  "a list of several accounts must have only API keys and cloud providers, got a subscription";
const WAIT = 'turns of a subscription wait for its limit with on_limit = "wait"';

/** Each with its one-line message: where, what is allowed, what was found. */
const REFUSED: readonly (readonly [string, Given, string])[] = [
  // Flags.
  ["a slip in a flag", { argv: ["--prot=3000"] }, "unknown flag --prot; did you mean --port?"],
  ["a flag like none", { argv: ["-x"] }, "unknown flag -x; see claudeway --help"],
  ["a flag without its value", { argv: ["--port"] }, "--port must have a value; see claudeway --help"],
  ["a switch with a value", { argv: ["--force=yes"] }, "--force must not have a value"],
  ["a port in words", { argv: ["--port", "abc"] }, `--port must be ${PORT}, got "abc"`],
  ["a port over the range", { argv: ["-p", "65536"] }, `--port must be ${PORT}, got 65536`],
  ["a port below it", { argv: ["--port=-1"] }, `--port must be ${PORT}, got -1`],
  ["half a port", { argv: ["--port", "80.5"] }, `--port must be ${PORT}, got 80.5`],
  ["a hexadecimal port", { argv: ["--port", "0x50"] }, `--port must be ${PORT}, got "0x50"`],
  ["the next flag as a value", { argv: ["--port", "--force"] }, `--port must be ${PORT}, got "--force"`],
  [
    "an unknown log level",
    { argv: ["--log-level", "inof"] },
    '--log-level must be trace, debug, info, warn or error, got "inof"; did you mean info?',
  ],
  [
    "an empty host",
    { argv: ["--host", ""] },
    '--host must be a host name or an address, such as 127.0.0.1, got ""',
  ],
  [
    "a URL as the host",
    { argv: ["--host", "http://x"] },
    '--host must be a host name or an address, such as 127.0.0.1, got "http://x"',
  ],
  [
    "a hole in a list of plugins",
    { argv: ["--enable-plugin", "demo,,swagger"] },
    '--enable-plugin[1] must be the name, package or path of a plugin, got ""',
  ],
  ["a file that is not there", { argv: ["--config", "nope.toml"] }, "--config: nope.toml: file not found"],
  [
    "a file that is not there, named by the environment",
    { env: { CLAUDEWAY_CONFIG: "nope.toml" } },
    "CLAUDEWAY_CONFIG: nope.toml: file not found",
  ],
  ["a folder as the file", { argv: ["--config", "/"] }, "--config: /: must be a file, got a directory"],
  // Commands.
  ["a slip in a command", { argv: ["chek"] }, 'unknown command "chek"; did you mean check?'],
  [
    "a command like none",
    { argv: ["fly"] },
    'unknown command "fly"; known commands: serve, check, init, create-plugin, backup, restore, copy-ledger, login, nodes',
  ],
  [
    "an unknown ledger to copy to",
    { argv: ["copy-ledger", "mysql"] },
    'copy-ledger must have one argument, the ledger to write, postgres or sqlite; got "mysql"',
  ],
  [
    "a setup without questions",
    { argv: ["init", "--force"] },
    "init: asks questions, so --force is not allowed",
  ],
  ["too many arguments", { argv: ["check", "a", "b"] }, "check must have no arguments; got 2"],
  [
    "a missing argument",
    { argv: ["create-plugin"] },
    "create-plugin must have one argument, the name of the plugin; got 0",
  ],
  [
    "a key that slipped out of its flag",
    { argv: ["--keys", "a:hunter2,", "b:hunter3"] },
    "command line: an argument (not shown) is neither a flag nor a command; known commands: serve, check, init, create-plugin, backup, restore, copy-ledger, login, nodes",
  ],
  // The environment.
  ["a port in words", { env: { PORT: "abc" } }, `PORT must be ${PORT}, got "abc"`],
  ["an empty variable", { env: { PORT: "" } }, `PORT must be ${PORT}, got ""`],
  ["a port with a space", { env: { PORT: "3000 " } }, `PORT must be ${PORT}, got "3000 "`],
  [
    "a switch that is neither on nor off",
    { env: { NO_PERMISSIONS_BYPASS: "maybe" } },
    'NO_PERMISSIONS_BYPASS must be true or false, got "maybe"',
  ],
  ["an empty folder", { env: { CLAUDE_WORKDIR: "" } }, 'CLAUDE_WORKDIR must be the path of a folder, got ""'],
  [
    "a log level in capitals",
    { env: { LOG_LEVEL: "INFO" } },
    'LOG_LEVEL must be trace, debug, info, warn or error, got "INFO"; did you mean info?',
  ],
  // Keys, wherever they come from.
  ["no keys at all", { env: { WRAPPER_KEYS: "" } }, `WRAPPER_KEYS must be ${KEYS}, got ""`],
  [
    "a secret alone",
    { env: { WRAPPER_KEYS: "sk-hunter2" } },
    `WRAPPER_KEYS: entry 1 must be id:secret, got no colon`,
  ],
  ["an id alone", { argv: ["--keys", "admin:"] }, `--keys: entry 1 must be id:secret, got no secret`],
  [
    "a secret without an id",
    { argv: ["--keys", ":hunter2"] },
    `--keys: entry 1 must be id:secret, got no id`,
  ],
  [
    "a comma at the end",
    { argv: ["--keys", "a:hunter2,"] },
    `--keys: entry 2 must be id:secret, got an empty entry`,
  ],
  [
    "two ids that are one folder",
    { argv: ["--keys", "ci:hunter1,b:hunter2,CI:hunter3"] },
    "--keys: entries 1 and 3 must not have the same id",
  ],
  [
    "two keys with one secret",
    { file: 'keys = ["a:hunter2", "b:hunter2"]' },
    `${FILE}: keys: entries 1 and 2 must not have the same secret`,
  ],
  [
    "two sections with one secret",
    { file: '[keys.a]\nsecret = "hunter2"\n[keys.b]\nmax_running = 1\n[keys.c]\nsecret = "hunter2"' },
    `${FILE}: keys: a and c must not have the same secret`,
  ],
  [
    "two sections that are one folder",
    { file: '[keys.ci]\nsecret = "hunter1"\n[keys.CI]\nsecret = "hunter2"' },
    `${FILE}: keys: ci and CI must not have the same id`,
  ],
  [
    "a section whose id has a colon",
    { file: '[keys."a:b"]\nsecret = "hunter2"' },
    `${FILE}: keys."a:b": ${ID}`,
  ],
  [
    "a section whose id is a number, which JavaScript puts before others",
    { file: '[keys.admin]\nsecret = "hunter1"\n[keys.42]\nsecret = "hunter2"' },
    `${FILE}: keys.42: the secrets of keys must be in WRAPPER_KEYS or --keys if an id is a number: the first key is the admin's, and such sections have no order`,
  ],
  [
    "a section of a key that is not there",
    { file: "[keys.aadmin]\nmax_running = 1", env: { WRAPPER_KEYS: "ci:hunter1,admin:hunter2" } },
    `${FILE}: keys.aadmin: unknown key; did you mean admin? known keys: ci, admin; a new key needs a secret, here or in WRAPPER_KEYS`,
  ],
  ["an id that climbs", { argv: ["--keys", "..:hunter2"] }, `--keys: entry 1: ${ID}`],
  ["an id with two dots", { argv: ["--keys", "a..b:hunter2"] }, `--keys: entry 1: ${ID}`],
  ["an id with a slash", { argv: ["--keys", "a/b:hunter2"] }, `--keys: entry 1: ${ID}`],
  ["the folder of refused requests", { argv: ["--keys", "_unauthorized:hunter2"] }, `--keys: entry 1: ${ID}`],
  [
    "a secret that no header carries",
    { argv: ["--keys", "a:hunter 2"] },
    "--keys: entry 1: the secret must consist of visible ASCII characters, without spaces",
  ],
  ["a number as keys", { file: "keys = 31337" }, `${FILE}: keys must be ${KEYS}, got a number (not shown)`],
  // The file.
  ["no TOML", { file: 'port = 3000\nkeys = "a:hunter2' }, `${FILE}:2:8: invalid TOML: unfinished string`],
  [
    "a key twice",
    { file: "port = 1\nport = 2" },
    `${FILE}:2:1: invalid TOML: trying to redefine an already defined table or value`,
  ],
  ["no text", { file: Uint8Array.of(0xff, 0xfe, 0x00) }, `${FILE}: must be UTF-8 text`],
  ["a slip in a setting", { file: "prot = 1" }, `${FILE}: unknown setting "prot"; did you mean port?`],
  ["a setting like none", { file: "zebra = 1" }, `${FILE}: unknown setting "zebra"; ${TOP}`],
  [
    "a setting with a hyphen",
    { file: 'log-dir = "x"' },
    `${FILE}: unknown setting "log-dir"; did you mean log_dir?`,
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
    `${FILE}: unknown setting "limits.body_byte"; did you mean body_bytes?`,
  ],
  [
    "a relative folder of a key",
    { file: '[keys.ci]\nsecret = "1"\nworkdirs = ["srv/a"]' },
    `${FILE}: keys.ci.workdirs[0] must be an absolute path, in which * matches any name and ** any folders, got a string (not shown)`,
  ],
  [
    "a pattern of folders with more than * in it",
    { file: '[keys.ci]\nsecret = "1"\nworkdirs = ["/srv/{a,b}"]' },
    `${FILE}: keys.ci.workdirs[0] must be an absolute path, in which * matches any name and ** any folders, got a string (not shown)`,
  ],
  // Accounts.
  [
    "an unknown account",
    { file: `${MAIN}[engine]\naccounts = ["main", "mian"]` },
    `${FILE}: engine.accounts: unknown account "mian"; did you mean main? known accounts: main`,
  ],
  [
    "an account with a blank in its name",
    { file: '[accounts."a b"]\nANTHROPIC_API_KEY = "hunter2"' },
    `${FILE}: each name in accounts must be 1 to 64 letters, digits, ., _ and -, the first a letter or digit, got "a b"`,
  ],
  [
    "a variable of a key that can't be one",
    { file: '[keys.ci]\nsecret = "hunter2"\n[keys.ci.env]\n1X = "hunter2"' },
    `${FILE}: each name in keys.ci.env must be letters, digits and _, the first no digit, got "1X"`,
  ],
  [
    "an account without a credential",
    { file: '[accounts.main]\nAWS_REGION = "eu-central-1"' },
    `${FILE}: accounts.main must have one of ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN, CLAUDE_CODE_OAUTH_TOKEN, CLAUDE_CODE_USE_BEDROCK, CLAUDE_CODE_USE_VERTEX, CLAUDE_CODE_USE_FOUNDRY`,
  ],
  [
    "an account with a folder of its own",
    { file: `${MAIN}CLAUDE_CONFIG_DIR = "/srv/main"` },
    `${FILE}: accounts.main.CLAUDE_CONFIG_DIR must not be set: turns continue their conversations with other accounts; set it in [keys.<id>.env]`,
  ],
  [
    "a subscription among several accounts",
    {
      file: `${MAIN}[accounts.sub]\nCLAUDE_CODE_OAUTH_TOKEN = "t"\n[keys.ci]\nsecret = "1"\naccounts = ["main", "sub"]`,
    },
    `${FILE}: keys.ci.accounts: ${SUBSCRIPTION} (accounts.sub.CLAUDE_CODE_OAUTH_TOKEN); ${WAIT}`,
  ],
  [
    "a subscription's token as another one",
    {
      file: `${MAIN}[accounts.sub]\nANTHROPIC_AUTH_TOKEN = "sk-ant-oat01-x"\n[engine]\naccounts = ["sub", "main"]`,
    },
    `${FILE}: engine.accounts: ${SUBSCRIPTION} (accounts.sub.ANTHROPIC_AUTH_TOKEN); ${WAIT}`,
  ],
  [
    "accounts beside one in the environment of a key",
    {
      file: `${MAIN}[keys.ci]\nsecret = "1"\naccounts = ["main"]\n[keys.ci.env]\nANTHROPIC_API_KEY = "x"`,
    },
    `${FILE}: keys.ci.env.ANTHROPIC_API_KEY must not be set beside accounts`,
  ],
  [
    "a setting outside its section",
    { file: "max_running = 1" },
    `${FILE}: unknown setting "max_running"; did you mean engine.max_running?`,
  ],
  ["a port in quotes", { file: 'port = "3000"' }, `${FILE}: port must be ${PORT}, got "3000"`],
  [
    "a date",
    { file: "host = 2026-01-01" },
    `${FILE}: host must be a host name or an address, such as 127.0.0.1, got a date`,
  ],
  [
    "a section that is a value",
    { file: "engine = 3" },
    `${FILE}: engine must be a section, such as [engine], got 3`,
  ],
  [
    "a plugin that is a value",
    { file: "plugins.demo = true" },
    `${FILE}: plugins.demo must be a section, such as [plugins.demo], got true`,
  ],
  [
    "a switch in words",
    { file: '[plugins.demo]\nenabled = "on"' },
    `${FILE}: plugins.demo.enabled must be true or false, got "on"`,
  ],
  [
    "a time that never comes",
    { file: "[engine]\ngrace_secs = inf" },
    `${FILE}: engine.grace_secs must be a number from 0 to 86400, got Infinity`,
  ],
  // Variables in the file.
  [
    "a variable that is not set",
    { file: '[plugins.telegram]\nbot_token = "${TG_TOKN}"', env: { TG_TOKEN: "hunter2" } },
    `${FILE}: plugins.telegram.bot_token: uses \${TG_TOKN}, which is not set in the environment; did you mean TG_TOKEN?`,
  ],
  [
    "one in a list",
    { file: 'keys = ["a:b", "c:${SECRET}"]' },
    `${FILE}: keys[1]: uses \${SECRET}, which is not set in the environment`,
  ],
  [
    "a variable without a name",
    { file: 'host = "${}"' },
    `${FILE}: host: a \${ must name a variable; write \${NAME}, or $\${ for the characters themselves`,
  ],
  [
    "one that does not end",
    { file: 'host = "${HOST"', env: { HOST: "x" } },
    `${FILE}: host: a \${ must name a variable; write \${NAME}, or $\${ for the characters themselves`,
  ],
  [
    "a secret where a port belongs",
    { file: 'port = "${TOKEN}"', env: { TOKEN: "hunter2" } },
    `${FILE}: port must be ${PORT}, got a string (not shown)`,
  ],
  [
    "an empty variable as keys",
    { file: 'keys = "${KEYS}"', env: { KEYS: "" } },
    `${FILE}: keys must be ${KEYS}, got ""`,
  ],
];

describe("an invalid configuration", () => {
  for (const [what, given, line] of REFUSED) {
    it(`${what}: ${line.slice(0, 70)}`, () => {
      const message = refusal(given);
      expect(message).to.equal(line);
      expect(message).to.not.match(/hunter|\n/);
    });
  }

  it("is refused in its file even if a flag overrides it", () => {
    expect(refusal({ file: "port = 70000", argv: ["--port", "1"] })).to.equal(
      `${FILE}: port must be ${PORT}, got 70000`,
    );
  });
});
