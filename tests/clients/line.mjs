// SPDX-License-Identifier: GPL-2.0-or-later
// The line to tests/integration/nodeclient.py: orders come as JSON, one a line; what happens goes back the same way.
import { createInterface } from "node:readline";

export function tell(event, more = {}) {
  process.stdout.write(JSON.stringify({ event, ...more }) + "\n");
}

// orders: {name: function of the order}. The first line is for `start`. `end`: what there is to do before the program ends.
export function listen(orders, end = () => {}) {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    const order = JSON.parse(line);
    orders[order.do](order);
  });
  lines.on("close", async () => {
    await end();
    process.exit(0);
  });
}
