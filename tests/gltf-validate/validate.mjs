// The Khronos validator over GLB files: node validate.mjs FILE...
// Exit code 1 when any file has an error or a warning; each finding is printed on a line of its own.
import { readFile } from "node:fs/promises";
import { validateBytes, version } from "gltf-validator";

const severities = ["error", "warning", "information", "hint"];
const files = process.argv.slice(2);
if (files.length === 0) {
  console.error("usage: node validate.mjs FILE...");
  process.exit(2);
}
for (const file of files) {
  const report = await validateBytes(new Uint8Array(await readFile(file)), { uri: file, maxIssues: 100 });
  const { numErrors, numWarnings, messages } = report.issues;
  console.log(`${file}: ${numErrors} errors, ${numWarnings} warnings (glTF validator ${version()})`);
  for (const { severity, code, message, pointer } of messages) {
    console.log(`  ${severities[severity]} ${code} ${pointer ?? ""}: ${message}`);
  }
  if (numErrors > 0 || numWarnings > 0) {
    process.exitCode = 1;
  }
}
