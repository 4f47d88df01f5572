// Programs: compiled, saved, loaded and run.
#include "api.h"

namespace prunegrid {

template <> const char* const Handle<Executable>::kind = "executable";
template <> const char* const Handle<Buffer>::kind = "buffer";

namespace {

/** The executable behind a loaded one, which knows its outputs and can be saved. */
class Described {
 public:
  explicit Described(const Executable& loaded) : api_(loaded.owner->api) {
    auto get = PJRT_ARGS(PJRT_LoadedExecutable_GetExecutable_Args);
    get.loaded_executable = loaded.executable;
    PJRT_CALL(api_, PJRT_LoadedExecutable_GetExecutable, get);
    executable = get.executable;
  }
  ~Described() {
    auto destroy = PJRT_ARGS(PJRT_Executable_Destroy_Args);
    destroy.executable = executable;
    api_->PJRT_Executable_Destroy(&destroy);
  }
  PJRT_Executable* executable;

 private:
  const PJRT_Api* api_;
};

void countOutputs(Executable& loaded) {
  Described described(loaded);
  auto outputs = PJRT_ARGS(PJRT_Executable_NumOutputs_Args);
  outputs.executable = described.executable;
  PJRT_CALL(loaded.owner->api, PJRT_Executable_NumOutputs, outputs);
  loaded.outputs = outputs.num_outputs;
}

std::shared_ptr<Executable> executableOf(const std::shared_ptr<Client>& client) {
  auto executable = std::make_shared<Executable>();
  executable->owner = client;
  return executable;
}

}  // namespace

Executable::~Executable() {
  if (!executable) return;
  auto destroy = PJRT_ARGS(PJRT_LoadedExecutable_Destroy_Args);
  destroy.executable = executable;
  owner->api->PJRT_LoadedExecutable_Destroy(&destroy);
}

/** compile(client, program, options): StableHLO as text or bytecode, and an encoded CompileOptionsProto. */
napi_value compile(napi_env env, const Arguments& arguments) {
  auto loaded = executableOf(unwrap<Client>(env, arguments[0]));
  const Bytes program = bytesOf(env, arguments[1]), options = bytesOf(env, arguments[2]);
  auto work = [loaded, program, options] {
    static const std::string format = "mlir";
    auto code = PJRT_ARGS(PJRT_Program);
    code.code = static_cast<char*>(program.data);
    code.code_size = program.size;
    code.format = format.data();
    code.format_size = format.size();
    auto compile = PJRT_ARGS(PJRT_Client_Compile_Args);
    compile.client = loaded->owner->client;
    compile.program = &code;
    compile.compile_options = static_cast<char*>(options.data);
    compile.compile_options_size = options.size;
    PJRT_CALL(loaded->owner->api, PJRT_Client_Compile, compile);
    loaded->executable = compile.executable;
    countOutputs(*loaded);
  };
  return promise(env, {arguments[1], arguments[2]}, work, [loaded](napi_env env) { return wrap(env, loaded); });
}

/** serialize(executable): bytes that the same plugin loads on the same kind of device. */
napi_value serialize(napi_env env, const Arguments& arguments) {
  auto loaded = unwrap<Executable>(env, arguments[0]);
  Described described(*loaded);
  auto serialize = PJRT_ARGS(PJRT_Executable_Serialize_Args);
  serialize.executable = described.executable;
  PJRT_CALL(loaded->owner->api, PJRT_Executable_Serialize, serialize);
  napi_value bytes;
  napi_create_buffer_copy(env, serialize.serialized_bytes_size, serialize.serialized_bytes, nullptr, &bytes);
  serialize.serialized_executable_deleter(serialize.serialized_executable);
  return bytes;
}

/** deserialize(client, bytes) */
napi_value deserialize(napi_env env, const Arguments& arguments) {
  auto loaded = executableOf(unwrap<Client>(env, arguments[0]));
  const Bytes bytes = bytesOf(env, arguments[1]);
  auto work = [loaded, bytes] {
    auto load = PJRT_ARGS(PJRT_Executable_DeserializeAndLoad_Args);
    load.client = loaded->owner->client;
    load.serialized_executable = static_cast<char*>(bytes.data);
    load.serialized_executable_size = bytes.size;
    PJRT_CALL(loaded->owner->api, PJRT_Executable_DeserializeAndLoad, load);
    loaded->executable = load.loaded_executable;
    countOutputs(*loaded);
  };
  return promise(env, {arguments[1]}, work, [loaded](napi_env env) { return wrap(env, loaded); });
}

/** execute(executable, buffers, keep): runs on the first device. `keep` denies the program its inputs' memory. */
napi_value execute(napi_env env, const Arguments& arguments) {
  auto loaded = unwrap<Executable>(env, arguments[0]);
  auto inputs = std::make_shared<std::vector<std::shared_ptr<Buffer>>>();
  for (napi_value value : elementsOf(env, arguments[1])) inputs->push_back(unwrap<Buffer>(env, value));
  bool keep = false;
  napi_get_value_bool(env, arguments[2], &keep);
  auto outputs = std::make_shared<std::vector<std::shared_ptr<Buffer>>>();
  auto work = [loaded, inputs, outputs, keep] {
    std::vector<PJRT_Buffer*> given, made(loaded->outputs);
    std::vector<int64_t> kept;
    for (const auto& input : *inputs) {
      if (keep) kept.push_back(static_cast<int64_t>(given.size()));
      given.push_back(input->buffer);
    }
    auto options = PJRT_ARGS(PJRT_ExecuteOptions);
    options.non_donatable_input_indices = kept.data();
    options.num_non_donatable_input_indices = kept.size();
    PJRT_Buffer* const* givenList = given.data();
    PJRT_Buffer** madeList = made.data();
    auto run = PJRT_ARGS(PJRT_LoadedExecutable_Execute_Args);
    run.executable = loaded->executable;
    run.options = &options;
    run.argument_lists = &givenList;
    run.num_devices = 1;
    run.num_args = given.size();
    run.output_lists = &madeList;
    PJRT_CALL(loaded->owner->api, PJRT_LoadedExecutable_Execute, run);
    for (PJRT_Buffer* buffer : made) {
      outputs->push_back(std::make_shared<Buffer>());
      outputs->back()->owner = loaded->owner;
      outputs->back()->buffer = buffer;
    }
  };
  return promise(env, {}, work, [outputs](napi_env env) {
    napi_value list;
    napi_create_array_with_length(env, outputs->size(), &list);
    for (size_t i = 0; i < outputs->size(); i++) napi_set_element(env, list, i, wrap(env, (*outputs)[i]));
    return list;
  });
}

napi_value releaseExecutable(napi_env env, const Arguments& arguments) {
  handleOf<Executable>(env, arguments[0])->object.reset();
  return nullptr;
}

}  // namespace prunegrid
