import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import type { ProxyOptions } from "vite";
import { defineConfig } from "vitest/config";

// What only the schema explorer loads: half a megabyte that the dashboard does without.
const EXPLORER =
  /node_modules\/(@codemirror|@lezer|@marijn|crelt|style-mod|w3c-keyname|cm6-graphql|graphql-language-service|graphql\/(execution|type|utilities|validation)|nullthrows|debounce-promise|vscode-languageserver-types)\//;

const server = process.env.AGENTTRACE_SERVER ?? "http://127.0.0.1:8000";

// The server answers its own pages only: what comes through here is to look like one of them.
const toServer: ProxyOptions = {
  target: server,
  changeOrigin: true,
  configure: (proxy) => {
    proxy.on("proxyReq", (request) => request.setHeader("origin", server));
  },
};

export default defineConfig({
  plugins: [react(), tailwindcss()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    outDir: "../packages/server/src/agenttrace_server/static",
    emptyOutDir: true,
    target: "es2022",
    // The server's content policy allows no `data:` scripts, and small files compress better together.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 600,
    rolldownOptions: {
      input: { index: "index.html", docs: "docs.html" },
      output: {
        // The libraries change seldom: after most releases a browser still has them.
        codeSplitting: {
          groups: [
            { name: "explorer", test: EXPLORER, priority: 2 },
            { name: "vendor", test: /node_modules/, priority: 1 },
          ],
        },
      },
    },
  },
  server: {
    proxy: {
      "/graphql": { ...toServer, ws: true, rewriteWsOrigin: true },
      "/api": toServer,
    },
  },
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.{ts,tsx}"],
    setupFiles: ["src/test-setup.ts"],
    restoreMocks: true,
    // A property test runs a hundred cases: on a busy machine these take more than the usual 5 s.
    testTimeout: 30_000,
  },
});
