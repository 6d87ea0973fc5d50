// Runs a TensorFlow.js graph model with TensorFlow.js itself, for test_teacher.py to compare with.
// node tfjs_oracle.cjs NODE_MODULES MODEL_JSON INPUT_F32 SIZE OUTPUT_JSON
// INPUT_F32: raw float32 [batch, SIZE, SIZE, 3]; OUTPUT_JSON: {output name: {shape, data}}.
const fs = require('fs');
const path = require('path');

const [modules, modelFile, inputFile, size, outputFile] = process.argv.slice(2);
const tf = require(path.join(modules, '@tensorflow/tfjs'));

const readWhole = file => {
  const buffer = fs.readFileSync(file);
  return buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.length);
};

(async () => {
  await tf.setBackend('cpu');
  const json = JSON.parse(fs.readFileSync(modelFile));
  const [group] = json.weightsManifest;
  const handler = tf.io.fromMemory({
    modelTopology: json.modelTopology,
    weightSpecs: group.weights,
    weightData: readWhole(path.join(path.dirname(modelFile), group.paths[0])),
  });
  const model = await tf.loadGraphModel(handler);
  const input = tf.tensor4d(new Float32Array(readWhole(inputFile)), [-1, +size, +size, 3].map((n, i, s) =>
    n < 0 ? fs.statSync(inputFile).size / 4 / (s[1] * s[2] * 3) : n));
  const outputs = model.predict(input, {});
  const named = {};
  [outputs].flat().forEach((tensor, i) => {
    named[model.outputNodes[i]] = { shape: tensor.shape, data: Array.from(tensor.dataSync()) };
  });
  fs.writeFileSync(outputFile, JSON.stringify(named));
})();
