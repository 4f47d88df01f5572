import { Failure } from '@prunegrid/core/failure';
import { startBytes } from '@prunegrid/core/files/kind';

import { elementFormats } from './elements.js';
import { type ByteStream, oddity } from './stream.js';
import { readTensor, type Tensor, type TensorLayout } from './tensor.js';

/** The bytes before the length of the header: `\x93NUMPY` and the two parts of the version. */
const MAGIC = 8;
/** The longest header that is read. NumPy itself refuses one above 10,000 bytes unless it is told to trust the file. */
const MAX_HEADER = 65_536;

/**
 * Reads an array as numpy.save writes it, format versions 1.0 to 3.0 (NumPy Enhancement Proposal 1; numpy.lib.format).
 * Nothing of the file is executed: arrays of Python objects, which are pickles, are refused.
 */
export async function readNpy(stream: ByteStream): Promise<Tensor> {
  const tensor = await readTensor(stream, await readHeader(stream));
  await stream.end();
  return tensor;
}

async function readHeader(stream: ByteStream): Promise<TensorLayout> {
  const { where } = stream;
  const start = Buffer.from(await stream.peek(startBytes));
  const major = start[6];
  if (start.toString('latin1', 0, 6) !== '\x93NUMPY' || major < 1 || major > 3) {
    throw new Failure('input', `${where}: is no .npy file: ${oddity(start, 'write it with numpy.save')}`);
  }
  await stream.take(MAGIC);
  const length = major === 1 ? (await stream.take(2)).readUInt16LE() : (await stream.take(4)).readUInt32LE();
  if (length > MAX_HEADER) throw new Failure('input', `${where}: has a damaged header: write it again with numpy.save`);
  return layoutOf((await stream.take(length)).toString(major === 3 ? 'utf8' : 'latin1'), where);
}

/**
 * Reads the header, a Python dictionary such as `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
 * @throws {Failure} `input`, if it is no such dictionary or the type cannot be read
 */
function layoutOf(header: string, where: string): TensorLayout {
  const descr = /'descr':\s*('[^']*'|\[)/.exec(header)?.[1];
  const order = /'fortran_order':\s*(True|False)/.exec(header)?.[1];
  const shape = /'shape':\s*\(\s*((?:\d+\s*,\s*)*(?:\d+\s*)?)\)/.exec(header)?.[1];
  if (descr === undefined || order === undefined || shape === undefined) {
    throw new Failure('input', `${where}: has a damaged header: write it again with numpy.save`);
  }
  const [, endian, code] = /^'([<>|=]?)(\w+)'$/.exec(descr) ?? [];
  if (code === 'O') {
    throw new Failure(
      'input',
      `${where}: holds Python objects as a pickle, which could run any program and is not read: save numbers, such as by .astype("float32")`,
    );
  }
  const format = Object.hasOwn(elementFormats, code ?? '') ? elementFormats[code] : undefined;
  if (!format) {
    const names = Object.values(elementFormats).map(({ name }) => name);
    throw new Failure(
      'input',
      `${where}: has the type ${descr === '[' ? 'of a record' : descr}: convert it to one of ${names.join(', ')}`,
    );
  }
  const extents = shape.split(',').filter((extent) => extent.trim() !== '');
  return {
    shape: extents.map(Number),
    format,
    littleEndian: endian !== '>',
    fortran: order === 'True',
  };
}
