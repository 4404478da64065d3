// SPDX-License-Identifier: GPL-2.0-or-later
// A headless Chromium with one page of `pages/`, which this serves to it. What is done there, and what is looked for, a test
// says: tests/integration/browser.py. Each "act" is answered by an event of its number.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

import { listen, tell } from "./line.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const types = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css",
                ".json": "application/json", ".svg": "image/svg+xml", ".wasm": "application/wasm", ".png": "image/png" };
// Nothing here may ask the world for anything: every connection leads to this machine or fails.
const flags = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
               "--disable-component-update", "--disable-sync", "--disable-quic", "--host-resolver-rules=MAP * 127.0.0.1"];
let browser, page;

async function serve(request, response) {
  const path = normalize(decodeURIComponent(new URL(request.url, "http://localhost").pathname)); // has no ".." left
  try {
    const content = await readFile(join(here, path));
    response.writeHead(200, { "content-type": types[extname(path)] ?? "application/octet-stream" }).end(content);
  } catch {
    response.writeHead(404).end();
  }
}

// For whoever looks for a fault: what the page says and sends goes to the test's output.
function show() {
  page.on("console", (message) => console.error("page:", message.text()));
  page.on("websocket", (socket) => {
    socket.on("framesent", ({ payload }) => console.error("sent:", payload));
    socket.on("framereceived", ({ payload }) => console.error("got:", payload));
  });
}

// The server's certificate is of the test's own making.
async function start({ name, settings }) {
  const server = createServer(serve);
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: flags });
  page = await (await browser.newContext({ ignoreHTTPSErrors: true, locale: "en-US" })).newPage();
  page.on("pageerror", (error) => tell("pageerror", { message: error.message }));
  if (process.env.SPECTRUM2_SHOW_PAGES) show();
  await page.exposeFunction("tell", tell);
  const hash = encodeURIComponent(JSON.stringify(settings ?? {}));
  await page.goto(`http://127.0.0.1:${server.address().port}/pages/${name}.html#${hash}`);
}

const at = ({ where, text }) => page.locator(where, text ? { hasText: text } : {}).filter({ visible: true }).last();

// By name: what a person does, and what is seen. All of them wait until they can.
const acts = {
  start,
  see: (order) => at(order).waitFor({ timeout: order.limit }),
  gone: (order) => at(order).waitFor({ state: "detached", timeout: order.limit }),
  click: (order) => at(order).click({ timeout: order.limit }),
  hover: (order) => at(order).hover({ timeout: order.limit }),
  fill: (order) => at(order).fill(order.value, { timeout: order.limit }),
  press: (order) => at(order).press(order.value, { timeout: order.limit }),
  choose: (order) => page.locator(order.where).last().setInputFiles(order.value, { timeout: order.limit }), // such fields are hidden
  texts: ({ where }) => page.locator(where).allInnerTexts(),
  reload: () => page.reload(),
  evaluate: ({ value }) => page.evaluate(value),
  picture: ({ value }) => page.screenshot({ path: value }).then(() => null),
};

async function act(order) {
  try {
    tell("done", { number: order.number, value: await acts[order.act](order) });
  } catch (error) {
    tell("failed", { number: order.number, why: error.message });
  }
}

// What programs with a line of their own understand goes to the page as it is (pages/line.js).
listen({ act, order: ({ order }) => page.evaluate((it) => window.orders[it.do](it), order) }, () => browser?.close());
