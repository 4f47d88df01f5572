import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** XLA's debug options by name, such as `xla_gpu_exclude_nondeterministic_ops`. */
export type CompileFlags = Readonly<Record<string, string | number | boolean>>;

/**
 * Encodes a CompileOptionsProto (xla/pjrt/proto/compile_options.proto) for one replica on one device. Only a few fields
 * are needed: executable_build_options (3) with device_ordinal (1), num_replicas (4) and num_partitions (5), and
 * env_option_overrides (7), a map of flags to an OptionOverrideProto.
 */
export function encodeCompileOptions(flags: CompileFlags = {}): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(3, WireType.LengthDelimited).fork();
  // No device is chosen beforehand.
  writer.tag(1, WireType.Varint).int64(-1);
  writer.tag(4, WireType.Varint).int64(1);
  writer.tag(5, WireType.Varint).int64(1);
  writer.join();
  for (const [name, value] of Object.entries(flags)) {
    writer.tag(7, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.LengthDelimited).string(name);
    writer.tag(2, WireType.LengthDelimited).fork();
    if (typeof value === 'string') writer.tag(1, WireType.LengthDelimited).string(value);
    else if (typeof value === 'boolean') writer.tag(2, WireType.Varint).bool(value);
    else if (Number.isInteger(value)) writer.tag(3, WireType.Varint).int64(value);
    else writer.tag(4, WireType.Bit64).double(value);
    writer.join().join();
  }
  return writer.finish();
}
