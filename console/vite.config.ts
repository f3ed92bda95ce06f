import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// `npm run dev` shows the sources beside a server that runs already: TIDEGATE_SERVER is its address.
declare const process: { env: Record<string, string | undefined> };
const server = process.env.TIDEGATE_SERVER ?? 'http://127.0.0.1:7370';

// The server compares a request's origin with its host: both must stay as the browser sent them.
const proxy = { '/api': { target: server, changeOrigin: false } };

export default defineConfig({
  plugins: [react()],
  // Nothing is inlined: the content security policy allows no data: scripts or styles.
  build: { outDir: 'build', assetsInlineLimit: 0, modulePreload: { polyfill: false }, chunkSizeWarningLimit: 1500 },
  server: { proxy },
  preview: { proxy },
});
