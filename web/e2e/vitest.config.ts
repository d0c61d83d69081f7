import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["e2e/**/*.test.ts"],
    environment: "node",
    testTimeout: 60_000,
    hookTimeout: 1_200_000,
    fileParallelism: false,
    expect: { poll: { timeout: 20_000 } },
  },
});
