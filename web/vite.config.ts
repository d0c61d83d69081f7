/// <reference types="vitest/config" />
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";
import { viteSingleFile } from "vite-plugin-singlefile";

/** The client of the API is built from its sources, so that the page needs no package of it. */
const CLIENT = fileURLToPath(new URL("../clients/typescript/src/index.ts", import.meta.url));
const SHIPPED = "../src/segbatch/interfaces/web";

/**
 * Write a Content-Security-Policy into the page that allows its own script and style by their checksums, and nothing else.
 * `segbatch serve` sends the same as a header; a report that is opened as a file has only this one.
 */
function contentSecurityPolicy(): Plugin {
  const sums = (html: string, tag: RegExp) =>
    [...html.matchAll(tag)]
      .map(
        ([, text]) =>
          `'sha256-${createHash("sha256")
            .update(text ?? "")
            .digest("base64")}'`,
      )
      .join(" ");
  return {
    name: "content-security-policy",
    enforce: "post",
    apply: "build",
    generateBundle: {
      order: "post",
      handler(_, bundle) {
        for (const file of Object.values(bundle)) {
          if (file.type !== "asset" || !file.fileName.endsWith(".html")) continue;
          const html = String(file.source);
          const policy = [
            "default-src 'none'",
            `script-src ${sums(html, /<script type="module"[^>]*>([\s\S]*?)<\/script>/g)}`,
            `style-src ${sums(html, /<style[^>]*>([\s\S]*?)<\/style>/g)}`,
            "img-src data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
          ].join("; ");
          file.source = html.replace(
            /(<meta charset="utf-8" ?\/?>)/i,
            () => `<meta charset="utf-8" />\n    <meta http-equiv="Content-Security-Policy" content="${policy}" />`,
          );
        }
      },
    },
  };
}

export default defineConfig({
  base: "./",
  plugins: [react(), viteSingleFile({ removeViteModuleLoader: true }), contentSecurityPolicy()],
  resolve: { alias: { "@segbatch/client": CLIENT } },
  define: { "process.env.NODE_ENV": JSON.stringify(process.env.VITEST ? "test" : "production") },
  server: {
    fs: { allow: [".."] },
    proxy: { "/api": "http://127.0.0.1:8765", "/session": "http://127.0.0.1:8765" },
  },
  build: {
    outDir: process.env.WEB_OUT ?? SHIPPED,
    emptyOutDir: false,
    target: "es2022",
    reportCompressedSize: false,
    rolldownOptions: { input: "page.html" },
  },
  test: {
    environment: "jsdom",
    include: ["src/**/*.test.{ts,tsx}"],
    setupFiles: ["src/test/setup.ts"],
    pool: "threads",
    testTimeout: 60_000,
  },
});
