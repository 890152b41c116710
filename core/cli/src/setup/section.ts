import { type AnySetup, type LoadedPlugin, oneLine, type SetupTerminal } from "@claudeway/kernel";
import { messageOf } from "@claudeway/ports";
import { SetupCancelled } from "./cancelled.js";
import { interruptible } from "./interrupt.js";
import { ask, defaultsOf, requiredSettings } from "./questions.js";
import type { Terminal } from "./terminal.js";

type Section = Record<string, unknown>;

/** Asks for a plugin's section until it works or is kept unchanged. Resolves to undefined if the plugin stays disabled. */
export async function askSection(loaded: LoadedPlugin, terminal: Terminal): Promise<Section | undefined> {
  for (;;) {
    const section = await fill(loaded, terminal);
    const problem = await tryOut(loaded, section, terminal);
    if (problem === undefined) return section;
    terminal.warn(`${loaded.plugin.name}: ${problem}`);
    const choice = await terminal.one("What do you want to do?", [
      { value: "again", label: "Answer again" },
      { value: "keep", label: "Keep these settings", hint: "you can edit the file later" },
      { value: "off", label: `Do not enable ${loaded.plugin.name}` },
    ]);
    if (choice === "keep") return section;
    if (choice === "off") return undefined;
  }
}

async function fill({ plugin }: LoadedPlugin, terminal: Terminal): Promise<Section> {
  const { name, configSchema: schema, setup = {} } = plugin;
  const required = requiredSettings(schema);
  const asked = [...new Set([...required, ...(setup.ask ?? [])])];
  const section: Section = {};
  if (asked.length > 0) terminal.say(name);
  for (const setting of asked) {
    const question = { plugin: name, name: setting, schema, required: required.includes(setting) };
    const value =
      (await find(setting, { setup, given: { ...defaultsOf(schema), ...section } }, terminal)) ??
      (await ask(question, terminal));
    if (value !== undefined) section[setting] = value;
  }
  return section;
}

async function find(
  setting: string,
  { setup, given }: { readonly setup: AnySetup; readonly given: Section },
  terminal: Terminal,
): Promise<unknown> {
  if (setup.find === undefined) return undefined;
  try {
    return await interruptible(async (signal) => setup.find?.(setting, given, shownBy(terminal, signal)));
  } catch (error) {
    if (error instanceof SetupCancelled) throw error;
    terminal.warn(`${setting}: ${oneLine(messageOf(error))}`);
    return undefined;
  }
}

/** Tests the section. Resolves to the problem, or to undefined if none was found. */
async function tryOut(
  { plugin, checkConfig }: LoadedPlugin,
  section: Section,
  terminal: Terminal,
): Promise<string | undefined> {
  try {
    const config = checkConfig(section);
    const found = await interruptible(async (signal) =>
      plugin.setup?.test?.(config, shownBy(terminal, signal)),
    );
    if (found !== undefined) terminal.say(oneLine(found));
    return undefined;
  } catch (error) {
    if (error instanceof SetupCancelled) throw error;
    return oneLine(messageOf(error));
  }
}

function shownBy(terminal: Terminal, signal: AbortSignal): SetupTerminal {
  return { say: (line) => terminal.say(oneLine(line)), signal };
}
