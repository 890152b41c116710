import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

export default defineConfig({
  root: import.meta.dirname,
  // Links are relative, so that a proxy can serve the gateway below a prefix.
  base: "./",
  plugins: [
    svelte({
      compilerOptions: {
        // Tables have their roles in the markup: on a phone they are laid out as cards, which takes them away.
        warningFilter: ({ code }) => code !== "a11y_no_redundant_roles",
      },
    }),
  ],
  build: {
    outDir: "../dist/web",
    emptyOutDir: true,
    target: "es2022",
    // Nothing inline: the content security policy allows only files that the gateway serves.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
