// The side of Node: values, errors, promises and the list of functions.
#include "api.h"

namespace prunegrid {

napi_value errorOf(napi_env env, const Fault& fault) {
  napi_value error;
  napi_create_error(env, toText(env, fault.code.data(), fault.code.size()),
                    toText(env, fault.message.data(), fault.message.size()), &error);
  return error;
}

napi_value throwFault(napi_env env, const Fault& fault) {
  napi_throw(env, errorOf(env, fault));
  return nullptr;
}

std::string textOf(napi_env env, napi_value value) {
  size_t size = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &size) != napi_ok)
    throw Fault{"INVALID_ARGUMENT", "a string is wanted"};
  std::string text(size, 0);
  napi_get_value_string_utf8(env, value, &text[0], size + 1, &size);
  return text;
}

int64_t integerOf(napi_env env, napi_value value) {
  int64_t integer;
  if (napi_get_value_int64(env, value, &integer) != napi_ok) throw Fault{"INVALID_ARGUMENT", "an integer is wanted"};
  return integer;
}

std::vector<napi_value> elementsOf(napi_env env, napi_value list) {
  uint32_t length;
  if (napi_get_array_length(env, list, &length) != napi_ok) throw Fault{"INVALID_ARGUMENT", "an array is wanted"};
  std::vector<napi_value> elements(length);
  for (uint32_t i = 0; i < length; i++) napi_get_element(env, list, i, &elements[i]);
  return elements;
}

Bytes bytesOf(napi_env env, napi_value array) {
  bool typed = false;
  napi_is_typedarray(env, array, &typed);
  if (!typed) throw Fault{"INVALID_ARGUMENT", "a typed array is wanted"};
  napi_typedarray_type type;
  size_t length, offset;
  void* data;
  napi_value buffer;
  napi_get_typedarray_info(env, array, &type, &length, &data, &buffer, &offset);
  static const size_t widths[] = {1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8};
  return {data, length * widths[type]};
}

napi_value toText(napi_env env, const char* data, size_t size) {
  napi_value value;
  napi_create_string_utf8(env, data, size, &value);
  return value;
}

napi_value toNumber(napi_env env, double number) {
  napi_value value;
  napi_create_double(env, number, &value);
  return value;
}

void setProperty(napi_env env, napi_value object, const char* name, napi_value value) {
  napi_set_named_property(env, object, name, value);
}

namespace {

struct Task {
  napi_async_work handle = nullptr;
  napi_deferred deferred = nullptr;
  std::vector<napi_ref> kept;
  std::function<void()> work;
  std::function<napi_value(napi_env)> finish;
  std::unique_ptr<Fault> fault;
};

void run(napi_env, void* data) {
  auto* task = static_cast<Task*>(data);
  try {
    task->work();
  } catch (const Fault& fault) {
    task->fault = std::make_unique<Fault>(fault);
  }
}

void settle(napi_env env, napi_status, void* data) {
  std::unique_ptr<Task> task(static_cast<Task*>(data));
  for (napi_ref reference : task->kept) napi_delete_reference(env, reference);
  napi_delete_async_work(env, task->handle);
  if (task->fault) napi_reject_deferred(env, task->deferred, errorOf(env, *task->fault));
  else napi_resolve_deferred(env, task->deferred, task->finish(env));
}

template <napi_value (*function)(napi_env, const Arguments&), size_t count>
napi_value call(napi_env env, napi_callback_info info) {
  size_t given = count;
  Arguments arguments(count);
  napi_get_cb_info(env, info, &given, arguments.data(), nullptr, nullptr);
  try {
    if (given < count) throw Fault{"INVALID_ARGUMENT", std::to_string(count) + " arguments are wanted"};
    return function(env, arguments);
  } catch (const Fault& fault) {
    return throwFault(env, fault);
  }
}

template <napi_value (*function)(napi_env, const Arguments&), size_t count>
void define(napi_env env, napi_value exports, const char* name) {
  napi_value value;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, call<function, count>, nullptr, &value);
  setProperty(env, exports, name, value);
}

}  // namespace

napi_value promise(napi_env env, std::vector<napi_value> keep, std::function<void()> work,
                   std::function<napi_value(napi_env)> finish) {
  auto* task = new Task();
  task->work = std::move(work);
  task->finish = std::move(finish);
  for (napi_value value : keep) {
    napi_ref reference;
    napi_create_reference(env, value, 1, &reference);
    task->kept.push_back(reference);
  }
  napi_value result;
  napi_create_promise(env, &task->deferred, &result);
  napi_create_async_work(env, nullptr, toText(env, "pjrt", 4), run, settle, task, &task->handle);
  napi_queue_async_work(env, task->handle);
  return result;
}

}  // namespace prunegrid

NAPI_MODULE_INIT() {
  using namespace prunegrid;
  define<loadPlugin, 1>(env, exports, "loadPlugin");
  define<createClient, 2>(env, exports, "createClient");
  define<memoryOf, 2>(env, exports, "memoryOf");
  define<compile, 3>(env, exports, "compile");
  define<serialize, 1>(env, exports, "serialize");
  define<deserialize, 2>(env, exports, "deserialize");
  define<execute, 3>(env, exports, "execute");
  define<copyToDevice, 5>(env, exports, "copyToDevice");
  define<copyToHost, 2>(env, exports, "copyToHost");
  define<releaseBuffer, 1>(env, exports, "releaseBuffer");
  define<releaseExecutable, 1>(env, exports, "releaseExecutable");
  return exports;
}
