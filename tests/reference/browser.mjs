import { chromium } from "playwright-core";

// Starts a browser that makes no requests of its own.
export function open(executablePath) {
  return chromium.launch({
    executablePath,
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      // A page that Playwright fulfils has no address, so the browser takes it for one of the internet.
      "--disable-features=LocalNetworkAccessChecks",
    ],
  });
}
