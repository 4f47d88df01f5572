export { Attributes } from './attributes.js';
export { encodeOnnx, type NewGraph, type OnnxAttribute, onnxNode, onnxTensor, onnxValue } from './build.js';
export { type OnnxFile, openOnnx } from './file.js';
export {
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  TensorProto_DataType as DataType,
  type ValueInfoProto,
} from './generated/onnx/onnx_pb.js';
export { type OnnxContent, replaceValues } from './replace.js';
export { copyOfTensor, dataTypeName, type OnnxTensor, readTensor, requireTensor, shapeOf } from './tensor.js';
