// Copies to and from a device.
#include "api.h"

namespace prunegrid {

Buffer::~Buffer() {
  if (!buffer) return;
  auto destroy = PJRT_ARGS(PJRT_Buffer_Destroy_Args);
  destroy.buffer = buffer;
  owner->api->PJRT_Buffer_Destroy(&destroy);
}

/** copyToDevice(client, array, type, shape, device): resolves once the array may change again. */
napi_value copyToDevice(napi_env env, const Arguments& arguments) {
  auto client = unwrap<Client>(env, arguments[0]);
  const Bytes bytes = bytesOf(env, arguments[1]);
  const auto type = static_cast<PJRT_Buffer_Type>(integerOf(env, arguments[2]));
  std::vector<int64_t> shape;
  for (napi_value extent : elementsOf(env, arguments[3])) shape.push_back(integerOf(env, extent));
  const int64_t device = integerOf(env, arguments[4]);
  if (device < 0 || static_cast<size_t>(device) >= client->devices.size())
    throw Fault{"INVALID_ARGUMENT", "there is no device " + std::to_string(device)};
  auto made = std::make_shared<Buffer>();
  made->owner = client;
  auto work = [client, made, bytes, type, shape, device] {
    auto copy = PJRT_ARGS(PJRT_Client_BufferFromHostBuffer_Args);
    copy.client = client->client;
    copy.data = bytes.data;
    copy.type = type;
    copy.dims = shape.data();
    copy.num_dims = shape.size();
    copy.host_buffer_semantics = PJRT_HostBufferSemantics_kImmutableUntilTransferCompletes;
    copy.device = client->devices[device];
    PJRT_CALL(client->api, PJRT_Client_BufferFromHostBuffer, copy);
    made->buffer = copy.buffer;
    awaitEvent(client->api, copy.done_with_host_buffer);
  };
  return promise(env, {arguments[1]}, work, [made](napi_env env) { return wrap(env, made); });
}

/** copyToHost(buffer, array): resolves once the array holds the values in row-major order. */
napi_value copyToHost(napi_env env, const Arguments& arguments) {
  auto source = unwrap<Buffer>(env, arguments[0]);
  const Bytes bytes = bytesOf(env, arguments[1]);
  auto work = [source, bytes] {
    const PJRT_Api* api = source->owner->api;
    auto dimensions = PJRT_ARGS(PJRT_Buffer_Dimensions_Args);
    dimensions.buffer = source->buffer;
    PJRT_CALL(api, PJRT_Buffer_Dimensions, dimensions);
    // A device may keep its values in another order: row-major is asked for.
    std::vector<int64_t> order;
    for (size_t i = dimensions.num_dims; i > 0; i--) order.push_back(static_cast<int64_t>(i) - 1);
    auto layout = PJRT_ARGS(PJRT_Buffer_MemoryLayout);
    layout.type = PJRT_Buffer_MemoryLayout_Type_Tiled;
    layout.tiled.struct_size = PJRT_Buffer_MemoryLayout_Tiled_STRUCT_SIZE;
    layout.tiled.minor_to_major = order.data();
    layout.tiled.minor_to_major_size = order.size();
    auto copy = PJRT_ARGS(PJRT_Buffer_ToHostBuffer_Args);
    copy.src = source->buffer;
    copy.host_layout = &layout;
    PJRT_CALL(api, PJRT_Buffer_ToHostBuffer, copy);
    if (copy.dst_size != bytes.size)
      throw Fault{"INVALID_ARGUMENT", "the buffer has " + std::to_string(copy.dst_size) + " bytes, the array " +
                                          std::to_string(bytes.size)};
    copy.dst = bytes.data;
    PJRT_CALL(api, PJRT_Buffer_ToHostBuffer, copy);
    awaitEvent(api, copy.event);
  };
  return promise(env, {arguments[1]}, work, [](napi_env env) {
    napi_value nothing;
    napi_get_undefined(env, &nothing);
    return nothing;
  });
}

napi_value releaseBuffer(napi_env env, const Arguments& arguments) {
  handleOf<Buffer>(env, arguments[0])->object.reset();
  return nullptr;
}

}  // namespace prunegrid
