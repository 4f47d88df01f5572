/**
 * A network in the ONNX format, of two numbers and three classes: MatMul (w1, [2, 3]), BatchNormalization, MatMul (w2, [3, 3]) and
 * BatchNormalization. It is not trained. The Python package onnx has written it.
 */
export const network = Buffer.from(
  [
    'CAgSBG9ubngaATE6xwMKEgoBeAoCdzESAWEiBk1hdE11bAppCgFhCgxub3JtMS53ZWlnaHQKCm5vcm0xLmJpYXMKCm5vcm0xLmJpYXMKDG5vcm0xLndl',
    'aWdodBIBYhoZL25vcm0xL0JhdGNoTm9ybWFsaXphdGlvbiISQmF0Y2hOb3JtYWxpemF0aW9uChIKAWIKAncyEgFjIgZNYXRNdWwKaQoBYwoMbm9ybTEu',
    'd2VpZ2h0Cgpub3JtMS5iaWFzCgpub3JtMS5iaWFzCgxub3JtMS53ZWlnaHQSAXkaGS9ub3JtMi9CYXRjaE5vcm1hbGl6YXRpb24iEkJhdGNoTm9ybWFs',
    'aXphdGlvbhIBZyokCAIIAxABQgJ3MUoYAAAAAAAAAD4AAIA+AADAPgAAAD8AACA/KjAIAwgDEAFCAncySiQAAAAAAAAAPgAAgD4AAMA+AAAAPwAAID8A',
    'AEA/AABgPwAAgD8qIAgDEAFCDG5vcm0xLndlaWdodEoMAACAPwAAgD8AAIA/Kh4IAxABQgpub3JtMS5iaWFzSgwAAAAAAAAAAAAAAABaFAoBeBIPCg0I',
    'ARIJCgMSAW4KAggCYhQKAXkSDwoNCAESCQoDEgFuCgIIA0IECgAQEg==',
  ].join(''),
  'base64',
);

/** A table of 300 points of the plane with the classes 0, 1 and 2, which say how many of the numbers are positive. */
export const points = Array.from({ length: 300 }, (_, i) => {
  const [a, b] = [Math.sin(3 * i), Math.cos(5 * i)];
  return `${a.toFixed(3)},${b.toFixed(3)},${Number(a > 0) + Number(b > 0)}\n`;
}).join('');

/** An experiment with both, in one folder as `net.onnx` and `points.csv`. */
export const experiment = `name: points
model: ./net.onnx
dataset: { name: ./points.csv, test: 50, validation: 50 }
batch: { global: 40, microBatches: 2 }
budget: { rule: uniform, ratio: 1.5 }
dense: { epochs: 2, learningRate: { schedule: constant, value: 1e-2 } }
admm: { iterations: 1, rho: 1e-2, learningRate: { schedule: constant, value: 1e-3 } }
retrain: { epochs: 1, learningRate: { schedule: constant, value: 1e-3 } }
`;
