// Reads an AsyncAPI document on standard input, says what AsyncAPI's own parser thinks of it; 1 for a warning or worse.
import { text } from "node:stream/consumers";

import { Parser } from "@asyncapi/parser";

const SEVERITIES = ["error", "warning", "information", "hint"];
const WARNING = 1;

const { document, diagnostics } = await new Parser().parse(await text(process.stdin));
const faults = diagnostics.filter(({ severity }) => severity <= WARNING);
for (const { code, message, path, severity } of diagnostics) {
  console.log(`${SEVERITIES[severity]}: ${code}: ${message} (${path.join(".") || "the document"})`);
}
if (document === undefined || faults.length > 0) {
  process.exit(1);
}
console.log(`${document.operations().all().length} operations, ${document.messages().all().length} messages: no error, no warning`);
