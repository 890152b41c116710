import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect } from "chai";
import {
  installPacked,
  isPlugin,
  linkFrom,
  packAll,
  pluginNames,
  ROOT,
  readManifest,
  run,
} from "./packed.js";

/** What is written against core and has to compile against what core publishes, its source being nowhere near. */
describe("core's published declarations", () => {
  let dir: string;

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), "claudeway-declarations-"));
    const packed = await packAll(dir);
    await installPacked(
      packed.filter(({ folder }) => !isPlugin(folder)),
      dir,
    );
    for (const name of ["koa", "@koa/router"]) linkFrom(join(ROOT, "core"), name, dir);
    for (const name of ["@types/node", "@types/koa"]) linkFrom(ROOT, name, dir);
    cpSync(join(ROOT, "tsconfig.base.json"), join(dir, "tsconfig.base.json"));
  });

  after(() => rmSync(dir, { recursive: true, force: true }));

  /** What the compiler complains about in a folder of `dir`. */
  async function complaints(folder: string, include: readonly string[]): Promise<string> {
    const config = {
      extends: join(dir, "tsconfig.base.json"),
      compilerOptions: { composite: false, noEmit: true },
      include,
    };
    writeFileSync(join(dir, folder, "tsconfig.json"), JSON.stringify(config));
    const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
    return run(process.execPath, [tsc, "-p", join(dir, folder)]).then(
      ({ stdout }) => stdout,
      (error: { readonly stdout?: string }) => String(error.stdout),
    );
  }

  it("are all that there is of it", () => {
    const core = join(dir, "node_modules/@claudeway/core");
    expect(existsSync(join(core, "dist/index.d.ts"))).to.equal(true);
    expect(existsSync(join(core, "src"))).to.equal(false);
  });

  for (const name of pluginNames()) {
    it(`compile ${name}`, async () => {
      const from = join(ROOT, "plugins", name);
      const to = join(dir, "plugins", name);
      mkdirSync(dirname(to), { recursive: true });
      cpSync(join(from, "src"), join(to, "src"), { recursive: true });
      for (const file of readdirSync(from).filter((one) => one.endsWith(".json")))
        cpSync(join(from, file), join(to, file));
      const { dependencies = {}, devDependencies = {} } = readManifest(from);
      for (const one of Object.keys({ ...dependencies, ...devDependencies })) linkFrom(from, one, to);
      expect(await complaints(`plugins/${name}`, ["src"])).to.equal("");
    });
  }

  it("compile what was written against apiVersion 1 when it became final", async () => {
    mkdirSync(join(dir, "frozen"));
    writeFileSync(join(dir, "frozen/package.json"), '{ "type": "module" }');
    const source = readFileSync(join(ROOT, "test/core/api/consumer.ts"), "utf8");
    writeFileSync(join(dir, "frozen/consumer.ts"), source);
    expect(await complaints("frozen", ["."])).to.equal("");
  });
});
