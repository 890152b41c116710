import { fileURLToPath } from "node:url";
import type { Pages } from "@claudeway/core";

/** The page, and Swagger UI's own files. */
export const PAGES: Pages = {
  files: {
    "/index.html": beside("../web/index.html"),
    "/page.css": beside("../web/page.css"),
    "/page.js": beside("../web/page.js"),
    "/swagger-ui.css": beside("./ui/swagger-ui.css"),
    "/swagger-ui-bundle.js": beside("./ui/swagger-ui-bundle.js"),
  },
  // Only files that this gateway serves, and no inline script or style; Swagger UI's icons are data URLs.
  policy: ["script-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'"],
};

function beside(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url));
}
