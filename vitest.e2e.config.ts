import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  resolve: {
    alias: [
      { find: /^deltabridge\/kinds$/, replacement: here('./core/kinds/index.ts') },
      { find: /^deltabridge\/testing$/, replacement: here('./core/testing.ts') },
      { find: /^deltabridge$/, replacement: here('./core/index.ts') },
    ],
  },
  test: {
    include: ['test/e2e/**/*.test.ts'],
    globalSetup: ['test/support/redis-server.ts'],
    testTimeout: 120_000,
    hookTimeout: 600_000, // the first run may build kube-apiserver
    pool: 'forks',
    // functions are loaded by Node itself, as they are when it runs
    server: { deps: { external: [/\/dispatcher\/import-module\.ts$/] } },
    fileParallelism: false,
  },
})
