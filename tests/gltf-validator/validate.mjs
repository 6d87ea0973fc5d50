// node validate.mjs FILE...: one line of JSON a file with the counts and messages of the Khronos validator.
// Exit code 1 when a file has an error or a warning.
import { readFile } from 'node:fs/promises';
import { validateBytes } from 'gltf-validator';

let clean = true;
for (const file of process.argv.slice(2)) {
  const report = await validateBytes(new Uint8Array(await readFile(file)), { uri: file, maxIssues: 20 });
  const { numErrors, numWarnings, numInfos, numHints, messages } = report.issues;
  clean &&= numErrors === 0 && numWarnings === 0;
  console.log(JSON.stringify({ file, numErrors, numWarnings, numInfos, numHints, messages }));
}
process.exit(clean ? 0 : 1);
