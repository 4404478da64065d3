// SPDX-License-Identifier: GPL-2.0-or-later
// What ../line.mjs is to programs in Node, for one in a page: ../browser.mjs hands orders over, and takes what is told.
export const tell = (event, more = {}) => window.tell(event, more);
export const listen = (orders) => { window.orders = orders; tell("ready"); };
