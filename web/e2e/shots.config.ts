import config from "./vitest.config.ts";

export default { ...config, test: { ...config.test, include: ["e2e/shots.ts"] } };
